"""Predicts the next action: rules decide, except while a job waits for an answer, which then belongs to that job."""

from __future__ import annotations

import re
from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker

from nlu.dangers import OTHER
from nlu.plain import opens_only

#: what a resident may do beside answering; each has a rule of its own and the job goes on afterwards
ASIDE = frozenset(
    {
        "danger", "human", "cancel", "repeat", "why_ask", "switch_language", "explain", "greet", "thanks",
        "goodbye", "abuse", "ask", "follow_case", "urge", "withdraw", "offtopic", "continue_job",
    }
)  # fmt: skip
#: asides that a short or strange answer is easily taken for: they need to be clear
NEEDS_CLEAR = {
    "ask": 0.38, "follow_case": 0.6, "urge": 0.75, "withdraw": 0.75, "offtopic": 0.75, "greet": 0.5, "thanks": 0.6,
    "goodbye": 0.6, "explain": 0.6, "continue_job": 0.5, "cancel": 0.5, "repeat": 0.5, "why_ask": 0.5, "human": 0.5,
    "switch_language": 0.5, "abuse": 0.6,
}  # fmt: skip
#: words without a number are hardly an answer to the question for one
EASIER = 0.6
#: what settles a question by itself, whatever the intent looks like
ANSWERS = {
    "where": ("town", "village", "place_said", "place_choice"),
    "since": ("since",),
    "contact": ("contact",),
    "place_choice": ("town", "village"),
    "confirm": ("field",),
    "emergency_place": ("town", "village", "place_said", "place_choice"),
}
#: questions at which a phone number is meant for the case, whatever the words around it sound like
TAKES_PHONE = frozenset({"contact", "confirm", "which"})
#: questions whose answer is a story: nearly everything said there is the answer
STORIES = frozenset({"what", "facts", "more"})
STORY_ASIDES = frozenset({"danger", "human", "cancel", "repeat", "why_ask", "switch_language"})
#: questions that only offer something: whoever speaks of something else has passed them over
OFFERS = frozenset({"adviser", "rate", "rate_words", "withdraw", "detail"})
#: questions that a rating answers; at any other it is the answer to a notice
RATES = frozenset({"rate", "rate_words"})
#: what an answer to the question of a category may look like, too
TELLS = frozenset({"report_problem", "suggest", "add_to_case"})
OPENS = frozenset({"ask", "report_problem", "suggest", "praise", "consult_law", "follow_case", "urge", "add_to_case"})
#: these have said all there is to say: the question that waits is not asked again behind them
ENDS_TURN = frozenset({"action_human", "action_cancel", "action_danger"})
UNSURE_BELOW = 0.30
#: longer words that speak of who may know are part of a story
ASIDE_UP_TO = 30
#: words that leave out one of several matters, not all of them
_LEAVES_ONE = re.compile(
    r".(?:的|那个|那件)(?:就|先|也)?(?:不用|不要|不报|去掉|算了)|\b(?:not|except|without|only) ", re.IGNORECASE
)
#: "never mind, the drain first": what was begun goes on
_GOES_ON = re.compile(
    r"(?:算了|不问了|莫问了|先不(?:说|问|管))[，,。\s]*(?:我?(?:还是|就)?先|还是|就|继续)[^，。]{0,4}(?:报|说|讲|反映|反应|办|搞|弄|处理)"
    r"|\b(?:never ?mind|forget it|leave it)\b.{0,20}\b(?:first|go on|continue|back to)\b",
    re.IGNORECASE,
)
#: words by which whoever waits for a person goes back to the bot
_BACK = re.compile(
    r"(?:不要|不用|取消|不转|退出|不等)(?:了)?(?:转)?(?:人工|坐席)|不等了|(?:回到|找|和|跟)(?:机器人|助手)|"
    r"back to (?:the )?(?:bot|assistant)|\b(?:drop|cancel) (?:it|that|the person)\b|don't want (?:a|the) person",
    re.IGNORECASE,
)
#: "when will somebody come?" after a case was filed
_WHEN_DONE = re.compile(
    r"(?:什么时候|啥时候|么子时候|什么时间|几时|几久|好久|多久).{0,6}(?:来|修|处理|办|解决|弄|搞|有人|回复|结果|好)"
    r"|\bwhen (?:will|is|are) (?:it|this|you|they|someone|somebody)\b",
    re.IGNORECASE,
)
#: so short, unclear words after an answer are a follow-up to it ("多久")
FOLLOWS_UP_TO = 12


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class JobPolicy(RulePolicy):
    """RulePolicy plus one thing that rules can't say: which words answer the question that was asked.

    Slots read: `job` (code of the running job), `asked` (code of the question that waits). Message metadata read:
    `holder` ("bot" unless a person holds the conversation, in which case the bot only listens).
    """

    def predict_action_probabilities(
        self, tracker: DialogueStateTracker, domain: Domain, rule_only_data: dict[str, Any] | None = None, **kwargs: Any
    ) -> PolicyPrediction:
        """See parent class."""
        action = next_action(tracker)
        if action is None:
            return super().predict_action_probabilities(tracker, domain, rule_only_data, **kwargs)
        scores = self._default_predictions(domain)
        scores[domain.index_for_action(action)] = 1.0
        return self._prediction(scores)

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: dict[str, Any] | None = None,
    ) -> list[State]:
        """See parent class; only the state now: each of our rules is one intent and what it is answered with."""
        states = [domain.get_active_state(tracker)]
        self.featurizer._choose_last_user_input([states], use_text_for_last_user_input)
        return states


def next_action(tracker: DialogueStateTracker) -> str | None:
    """Name of the action that the state of the job asks for, or None where the rules decide."""
    last = tracker.latest_action_name
    job = tracker.get_slot("job")
    if last not in (None, ACTION_LISTEN_NAME):
        return _after(last, job, tracker)
    message = tracker.latest_message
    if message is None or message.intent.get("name") is None:
        return None
    intent, sure = message.intent["name"], message.intent.get("confidence") or 0.0
    holder = (message.metadata or {}).get("holder", "bot")
    signals = _values("signal", message.entities)
    if holder != "bot" and intent == "danger":
        return "action_danger"
    if holder == "waiting":
        back = intent == "continue_job" or _BACK.search(message.text or "")
        return "action_take_back" if back else "action_waiting"
    if holder != "bot":
        return ACTION_LISTEN_NAME
    asked = tracker.get_slot("asked")
    if asked == "split" and intent == "cancel" and _LEAVES_ONE.search(message.text or ""):
        return "action_report_problem"
    if job is not None and asked is not None and intent == "cancel" and _GOES_ON.search(message.text or ""):
        return "action_resume"
    filed = tracker.get_slot("case_number") and (asked == "detail" or job is None and asked is None)
    aside = len(message.text or "") <= ASIDE_UP_TO and intent not in ("danger", "human")
    if filed and aside and _WHEN_DONE.search(message.text or ""):
        return "action_follow_case"
    if "safe" in signals and asked == "emergency_place":
        return "action_danger"
    if intent == "danger" and asked == "urgent" and not _named_danger(message.entities):
        return "action_consult_law"
    speaks_english = tracker.get_slot("language") == "en" and (job is not None or asked is not None)
    if any(e["entity"] == "foreign" for e in message.entities) and intent != "danger" and not speaks_english:
        return "action_foreign"
    read = _values("category", message.entities)
    begins = asked is None and intent in TELLS and sure >= 0.5 and bool(read)
    fears = "privacy" in signals and len(message.text or "") <= ASIDE_UP_TO
    if fears and not begins and intent != "danger" and asked not in STORIES:
        return "action_why_ask"
    other = bool(read) and tracker.get_slot("category") not in read
    tells = TELLS if len(message.text or "") <= FOLLOWS_UP_TO else TELLS | {"inform", "correct", "urge"}
    if asked == "detail" and other and intent in tells:
        return "action_report_problem"
    if job == "consult_law" and asked not in STORIES and sure >= 0.5 and opens_only(message.text or ""):
        return "action_report_problem"
    if job is not None and asked is not None and not _is_aside(intent, sure, asked, message.entities, job, other):
        return f"action_{job}"
    if sure < UNSURE_BELOW and intent != "danger":
        follows = tracker.get_slot("about") and len(message.text or "") <= FOLLOWS_UP_TO
        return "action_ask" if follows else "action_clarify"
    return None


def _is_aside(
    intent: str, sure: float, asked: str, entities: list[dict[str, Any]], job: str, other_matter: bool
) -> bool:
    if intent == "danger" or (intent == "rate" and asked not in RATES):
        return True
    if asked in TAKES_PHONE and intent not in ("human", "cancel") and _values("contact", entities):
        return False
    if intent == "consult_law" and job == "report_problem":
        return asked not in STORIES and sure >= 0.6 and not _answers(asked, entities)
    if job == "consult_law" and asked == "adviser" and intent == "consult_law":
        return False
    if asked == "emergency_place" and intent == "consult_law" and sure >= 0.4 and not _answers(asked, entities):
        return True
    if asked in OFFERS and intent in OPENS and sure >= 0.5:
        return asked != "detail" or intent not in TELLS or other_matter
    easier = EASIER if asked == "contact" and not _answers(asked, entities) else 1.0
    if intent not in ASIDE or sure < easier * NEEDS_CLEAR.get(intent, 0.0):
        return False
    if asked in STORIES:
        return intent in STORY_ASIDES or (intent == "ask" and sure >= 0.8) or (intent == "follow_case" and sure >= 0.8)
    return intent in STORY_ASIDES or not _answers(asked, entities)


def _values(name: str, entities: list[dict[str, Any]]) -> set[Any]:
    return {e["value"] for e in entities if e["entity"] == name}


def _named_danger(entities: list[dict[str, Any]]) -> bool:
    return bool(_values("danger", entities) - {OTHER})


def _answers(asked: str, entities: list[dict[str, Any]]) -> bool:
    return any(e["entity"] in ANSWERS.get(asked, ()) for e in entities)


def _after(last: str | None, job: str | None, tracker: DialogueStateTracker) -> str | None:
    """An aside is over: take up the job where it was; a job that asked or ended listens."""
    if last == "action_resume" or job is None or tracker.get_slot("asked") is None:
        return ACTION_LISTEN_NAME if last and last.startswith("action_") and last != "action_session_start" else None
    if last == f"action_{job}" or last in ENDS_TURN:
        return ACTION_LISTEN_NAME
    if (tracker.latest_message.metadata or {}).get("holder", "bot") != "bot":
        return ACTION_LISTEN_NAME
    return ACTION_LISTEN_NAME if tracker.get_slot("asked") in OFFERS else "action_resume"
