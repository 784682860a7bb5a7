// Keeps the parts of a page that change (data-live) fresh; without it every page still works by reloading.
"use strict";
const EVERY = 4000;
async function refresh(part) {
  if (document.hidden) return;
  const answer = await fetch(part.dataset.live, { headers: { "X-Live": "1" } });
  if (!answer.ok || answer.redirected) return;
  const html = await answer.text();
  if (html === part.dataset.last) return;
  part.dataset.last = html;
  part.innerHTML = html;
  if ("follow" in part.dataset) part.lastElementChild?.lastElementChild?.scrollIntoView({ block: "nearest" });
}
for (const part of document.querySelectorAll("[data-live]")) {
  setInterval(() => refresh(part).catch(() => {}), EVERY);
}
