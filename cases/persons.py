"""Which columns of the database tell of residents and which of nobody: what erasing, retention and a test go by."""

from __future__ import annotations

from collections.abc import Mapping

#: how ids of persons who are gone begin, and the channel of their conversations
GONE = "gone"
#: columns of a case that are needed while it is open, or nobody finds the spot
PLACE = ("village", "grid")


def _of(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: columns that tell of residents: erasing empties them, or deletes their rows, or puts a pseudonym there
PERSONS: Mapping[str, frozenset[str]] = {
    "attachments": _of("key conversation_id"),
    "audit": _of("actor object reason salt"),
    "case_links": _of("case_id entry_id"),
    "cases": _of(
        "village grid words words_sealed place_said place_sealed since_said contact_sealed contact_masked wanted "
        "rating_words rating_words_sealed conversation_id filing_key"
    ),
    "conversations": _of("id channel staff reason last_seq waiting_since"),
    "disputes": _of("case_id facts persons_sealed"),
    "erasures": _of("conversation_id"),
    "events": _of("ref actor note note_sealed detail"),
    "followers": _of("case_id conversation_id joined_at rating"),
    "group_records": _of("village grid group_id group_name words conversation_id"),
    "handovers": _of("their_note last_error"),
    "knowledge_questions": _of("text"),
    "messages": _of("conversation_id ref text text_sealed buttons sources attachments error"),
    "outbox": _of("order_key payload last_error"),
    "parties": _of("case_id side token"),
    "registry_entries": _of(
        "code name name_en village grid unit longitude latitude detail source sealed consent words"
    ),
}
#: columns that tell of matters, of staff, of the county, or of nothing
NOBODY: Mapping[str, frozenset[str]] = {
    "alembic_version": _of("version_num"),
    "attachments": _of("kind size created_at"),
    "audit": _of("id at action previous hash withheld withheld_by"),
    "case_links": _of("id role by at"),
    "cases": _of(
        "id number version status kind category domain town since contact_withheld language emergency signals "
        "legal_topic citations unit adviser due_at created_at closed_at in_time rating open pressing level returns "
        "ruled extensions extension_asked reopenings hours_left verified merged_into split_from dispatched_at amber_at "
        "overdue_at acknowledged_at alarmed_at supervised_at indexed_version"
    ),
    "conversations": _of("language holder created_at"),
    "counters": _of("name value"),
    "erasures": _of("pseudonym begun_at done_at"),
    "events": _of("id case_id seq move before after role at"),
    "followers": _of("id"),
    "group_records": _of("id ref kind channel town author at day case_id state done done_by done_at"),
    # what leads to the case outside stays, so that it can be erased there, too
    "handovers": _of(
        "id case_id system idempotency_key state unclear attempts misses their_id token their_status status_at untold "
        "error_code next_at created_at sent_at updated_at"
    ),
    "knowledge_acts": _of("id code text_id act by reason at"),
    "knowledge_questions": _of("id language why about at done_by done_at"),
    "knowledge_texts": _of("id code kind body question settles state author at"),
    "messages": _of("id seq author staff case_id delivery created_at answered_at"),
    "outbox": _of("id kind message_id case_id idempotency_key state attempts next_at created_at"),
    "registry_entries": _of("id kind subkind town valid_from valid_to version updated_at updated_by retired_at"),
    "reports": _of("id period start end figures computed_at sha256"),
    "staff": _of("login password_hash"),
    "supporters": _of("case_id unit open"),
    "token_keys": _of("id key_sealed"),
}
