"""What Open311 answers look like, for the OpenAPI description: fields, types, and the same in XML."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from channels.open311_form import UNTEXT_CLASS


class Told(BaseModel):
    """A part of an answer. Where a field may be null, its description says so."""

    class Config:
        """What pydantic leaves out."""

        @staticmethod
        def schema_extra(schema: dict[str, Any], model: type[BaseModel]) -> None:
            """Optional fields are null where there is nothing, never missing."""
            schema["required"] = list(schema["properties"])
            for name, field in model.__fields__.items():
                if field.allow_none:
                    described = schema["properties"][name]
                    described["type"] = [described["type"], "null"] if "type" in described else "null"


class Endpoint(Told):
    """One endpoint of the discovery."""

    specification: str
    url: str
    changeset: str
    type: Literal["production", "test"]
    formats: list[str]


class Discovery(Told):
    """Where the interface is, who may use it and how."""

    changeset: str
    contact: str
    key_service: str
    endpoints: list[Endpoint]


class Service(Told):
    """A kind of matter that can be filed."""

    service_code: str
    service_name: str
    description: str
    metadata: bool = Field(description="Whether the service has attributes; none of them must be answered.")
    type: Literal["realtime"]
    keywords: str
    group: str


class Attribute(Told):
    """A question whose answer saves the unit a call."""

    variable: bool
    code: str
    datatype: Literal["text"]
    required: bool
    datatype_description: str
    order: int
    description: str
    values: list[Any]


class ServiceDefinition(Told):
    """The attributes of a service."""

    service_code: str
    attributes: list[Attribute]


class Filed(Told):
    """What a filing is answered with. The number exists because the case does."""

    service_request_id: str
    service_notice: str


class Token(Told):
    """The number of what was filed under an Idempotency-Key."""

    service_request_id: str
    token: str


class ServiceRequest(Told):
    """A request as the system that filed it sees it: numbers in texts are masked, contacts are never given."""

    service_request_id: str
    status: Literal["open", "closed"]
    status_notes: str | None
    service_name: str | None
    service_code: str | None
    description: str
    agency_responsible: str | None
    service_notice: str | None
    requested_datetime: str
    updated_datetime: str
    expected_datetime: str | None
    address: str | None
    address_id: str | None
    zipcode: str | None
    lat: float | None
    long: float | None
    media_url: str | None


class Error(Told):
    """Why a request was not carried out."""

    code: int
    description: str


#: a text that holds more than blanks, and nothing but text
TEXT = f"^[ \\t\\r\\n\\u3000]*[^ \\t\\r\\n\\u3000{UNTEXT_CLASS}][^{UNTEXT_CLASS}]*$"

FORM: dict[str, Any] = {
    "type": "object",
    "required": ["api_key", "service_code", "description"],
    "anyOf": [{"required": ["lat", "long"]}, {"required": ["address_string"]}, {"required": ["address_id"]}],
    "properties": {
        "api_key": {"type": "string", "description": "Of the system that files."},
        "jurisdiction_id": {"type": "string", "description": "May be left out; checked where it is given."},
        "service_code": {"type": "string", "description": "One of `services`."},
        "description": {
            "type": "string", "maxLength": 4000, "pattern": TEXT,
            "description": "What it is about, in the resident's own words; kept verbatim.",
        },
        "lat": {"type": "number", "minimum": -90, "maximum": 90, "description": "WGS84; together with `long`."},
        "long": {"type": "number", "minimum": -180, "maximum": 180, "description": "WGS84; together with `lat`."},
        "address_string": {
            "type": "string", "maxLength": 300, "pattern": TEXT,
            "description": "Place in words; a town or village that it names in full is recognised.",
        },
        "address_id": {"type": "string", "description": "Code of a town, village or grid of the county."},
        "first_name": {"type": "string", "maxLength": 30, "pattern": TEXT},
        "last_name": {"type": "string", "maxLength": 30, "pattern": TEXT},
        "phone": {"type": "string", "maxLength": 40, "description": "Sealed; never given out over this interface."},
        "email": {"type": "string", "maxLength": 60, "description": "Sealed; never given out over this interface."},
        "media_url": {
            "type": "string", "maxLength": 2000, "pattern": "^https?://[!-~]+$",
            "description": "Kept as words for a person to open; never fetched.",
        },
        "attribute[detail1]": {
            "type": "string", "maxLength": 4000, "pattern": TEXT,
            "description": "Answer to the attribute `detail1` of the service's definition, where it has one.",
        },
        "attribute[idempotency_key]": {
            "type": "string", "maxLength": 200,
            "description": "The same as the header `Idempotency-Key`, for clients that can't set headers.",
        },
    },
}  # fmt: skip


def both(model: Any, root: str, description: str) -> dict[str, Any]:
    """An answer in both formats, for `responses` of a route. `root` is the outermost element of the XML."""
    return {
        "model": model,
        "description": description,
        "content": {"text/xml": {"schema": {"type": "object", "xml": {"name": root}}}},
    }
