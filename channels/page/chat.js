// The chat without reloading: sends, listens for the bot, staff and notices, and tries again when the network was away.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const words = JSON.parse(byId("words").textContent);
  const log = byId("log"), field = byId("text"), form = byId("write"), trouble = byId("trouble"), file = byId("photo");
  const seen = new Set([...log.querySelectorAll("[data-seq]")].map((li) => Number(li.dataset.seq)));
  const underway = new Map(); // ref -> the bubble that waits for its acknowledgement
  let after = Math.max(0, ...seen);
  let queue = Promise.resolve();

  const fill = (text, blanks) => text.replace(/\{(\w+)\}/g, (_, name) => blanks[name] ?? "");
  const newRef = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const nearEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 160;
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight });

  // --- drawing -------------------------------------------------------------------------------------------------

  function sourceOf(s) {
    const details = byId("source").content.firstElementChild.cloneNode(true);
    const [summary, text] = [details.firstElementChild, details.lastElementChild];
    summary.textContent = s.type === "statute" ? fill(words.source_statute, s) : s.title;
    const when = s.type === "statute" ? s.effective && fill(words.source_in_force, { date: s.effective })
      : s.checked && fill(words.source_checked, { date: s.checked });
    if (when) {
      const small = document.createElement("small");
      small.textContent = when;
      summary.append(" ", small);
    }
    text.textContent = s.text;
    if (s.publisher) {
      const by = document.createElement("p");
      by.className = "publisher";
      by.textContent = s.publisher;
      details.append(by);
    }
    return details;
  }

  function buttonsOf(buttons) {
    const row = document.createElement("div");
    row.className = "buttons";
    for (const { title, payload } of buttons) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "offer";
      button.textContent = title;
      button.addEventListener("click", () => send({ text: title, payload }));
      row.append(button);
    }
    return row;
  }

  function bubble(m) {
    const li = byId("message").content.firstElementChild.cloneNode(true);
    li.classList.add(m.author);
    li.querySelector(".who span").textContent = words["author_" + m.author] ?? "";
    const time = li.querySelector("time");
    time.textContent = m.time ?? "";
    if (m.at) time.dateTime = m.at;
    const box = li.querySelector(".bubble"), text = li.querySelector(".text");
    text.textContent = m.text;
    text.hidden = !m.text;
    for (const url of m.photos ?? []) {
      const link = document.createElement("a"), image = document.createElement("img");
      link.className = "photo";
      link.href = image.src = url;
      image.alt = words.photo_alt;
      image.addEventListener("load", () => nearEnd() && toEnd());
      link.append(image);
      box.prepend(link);
    }
    if (m.sources?.length) {
      const sources = document.createElement("div"), title = document.createElement("p");
      sources.className = "sources";
      title.textContent = words.sources;
      sources.append(title, ...m.sources.map(sourceOf));
      box.append(sources);
    }
    if (m.buttons?.length) li.append(buttonsOf(m.buttons));
    return li;
  }

  function place(li, seq) {
    const later = [...log.children].find((other) => other.dataset.seq && Number(other.dataset.seq) > seq);
    const waiting = log.querySelector(".pending");
    log.insertBefore(li, later ?? (li.classList.contains("pending") ? null : waiting));
  }

  function show(m) {
    if (seen.has(m.seq)) return;
    seen.add(m.seq);
    const li = bubble(m), stay = !nearEnd();
    li.dataset.seq = m.seq;
    place(li, m.seq);
    if (!stay || m.author === "resident") toEnd();
  }

  function forgetButtons() {
    for (const row of log.querySelectorAll(".message:not(.notice) .buttons")) row.remove();
  }

  function hold(holder) {
    const state = byId("state");
    state.hidden = !holder || holder === "bot";
    state.textContent = holder === "waiting" ? words.waiting : words.staff;
  }

  function complain(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  // --- sending -------------------------------------------------------------------------------------------------

  function send({ text, payload, photo }) {
    const ref = newRef();
    forgetButtons();
    complain("");
    const li = bubble({ author: "resident", text, photos: photo ? [URL.createObjectURL(photo)] : [] });
    li.classList.add("pending");
    li.querySelector("time").textContent = words.sending;
    log.append(li);
    toEnd();
    underway.set(ref, li);
    queue = queue.then(() => attempt({ text, payload, photo, ref }, li));
  }

  async function attempt(message, li) {
    byId("thinking").hidden = false;
    try {
      const answer = await post(message);
      const got = await answer.json();
      if (answer.ok) arrived(message, li, got);
      else refused(message, li, got.error, answer.status);
    } catch {
      offerAgain(message, li, words.offline);
    } finally {
      byId("thinking").hidden = true;
    }
  }

  function post({ text, payload, photo, ref }) {
    if (!photo) {
      const body = JSON.stringify({ text, payload, ref });
      return fetch("/messages", { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body });
    }
    const body = new FormData();
    body.append("ref", ref);
    body.append("text", text);
    body.append("photo", photo, photo.name || "photo.jpg");
    return fetch("/photos", { method: "POST", headers: { Accept: "application/json" }, body });
  }

  function arrived(message, li, got) {
    underway.delete(message.ref);
    complain("");
    li.classList.remove("pending");
    if (seen.has(got.seq)) li.remove(); // the listener was quicker
    else {
      seen.add(got.seq);
      li.dataset.seq = got.seq;
      li.querySelector("time").textContent = got.time;
    }
    for (const reply of got.replies) show(reply);
    hold(got.holder);
    toEnd();
  }

  function refused(message, li, error, status) {
    if (status === 429 || status >= 500) return offerAgain(message, li, error.text);
    underway.delete(message.ref);
    li.remove();
    complain(error.text);
    if (!field.value) field.value = message.text;
  }

  function offerAgain(message, li, why) {
    complain(why);
    if (li.querySelector(".again")) return;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "again";
    again.textContent = words.unsent;
    const retry = () => {
      removeEventListener("online", retry);
      if (!again.isConnected) return;
      again.remove();
      queue = queue.then(() => attempt(message, li));
    };
    again.addEventListener("click", retry);
    addEventListener("online", retry);
    li.append(again);
  }

  // --- listening -----------------------------------------------------------------------------------------------

  async function listen() {
    let pause = 1000;
    for (;;) {
      if (document.hidden) await new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
      try {
        const answer = await fetch(`/messages?after=${after}&wait=25`, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        const got = await answer.json();
        for (const m of got.messages) {
          after = Math.max(after, m.seq);
          if (m.author !== "resident" || !underway.size) show(m);
        }
        hold(got.holder);
        if (trouble.textContent === words.offline && !underway.size) complain("");
        pause = 1000;
      } catch {
        await new Promise((go) => setTimeout(go, pause));
        pause = Math.min(pause * 2, 15000);
      }
    }
  }

  // --- the form ------------------------------------------------------------------------------------------------

  async function smaller(photo) {
    const most = 1600;
    try {
      const bitmap = await createImageBitmap(photo);
      const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
      if (scale === 1 && photo.size < 800000) return photo;
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [bitmap.width * scale, bitmap.height * scale];
      canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      return (await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85))) ?? photo;
    } catch {
      return photo; // the server tells what is wrong with it
    }
  }

  function grow() {
    field.style.height = "";
    if (field.value) field.style.height = `${Math.min(field.scrollHeight + 4, 200)}px`;
  }

  function showChosen() {
    byId("chosen").hidden = !file.files.length;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value, photo = file.files[0];
    if (!text.trim() && !photo) return field.focus();
    field.value = "";
    file.value = "";
    sessionStorage.removeItem("draft");
    showChosen();
    grow();
    send({ text, photo: photo && (await smaller(photo)) });
    field.focus();
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".press")) return;
    event.preventDefault();
    const given = new FormData(event.target);
    send({ text: given.get("text"), payload: given.get("payload") });
  });

  field.addEventListener("keydown", (event) => {
    // an Enter that ends the choice of Chinese characters is not a "send"; on a phone Enter is a new line
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.addEventListener("input", () => {
    grow();
    sessionStorage.setItem("draft", field.value);
  });
  file.addEventListener("change", showChosen);
  byId("chosen").querySelector("button").addEventListener("click", () => {
    file.value = "";
    showChosen();
  });

  if (!field.value) field.value = sessionStorage.getItem("draft") ?? "";
  grow();
  if (after) toEnd();
  for (const image of log.querySelectorAll("img")) image.addEventListener("load", toEnd, { once: true });
  listen();
})();
