"""Answers to LangChain's human-in-the-loop middleware, as models for people and programs that answer a wait."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kitaru.records.plain import JsonObject

__all__ = [
    "Approve",
    "Decision",
    "Decisions",
    "Edit",
    "EditedAction",
    "Reject",
    "Respond",
    "default_schema",
    "guarded_calls",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Approve(_Answer):
    """Run the tool as the model asked.

    Attributes:
        type: Always `approve`.
    """

    type: Literal["approve"] = "approve"


class EditedAction(_Answer):
    """The call to make instead.

    Attributes:
        name: The tool.
        args: Its arguments.
    """

    name: str
    args: JsonObject


class Edit(_Answer):
    """Run another call instead.

    Attributes:
        type: Always `edit`.
        edited_action: The call.
    """

    type: Literal["edit"] = "edit"
    edited_action: EditedAction


class Reject(_Answer):
    """Do not run the tool.

    Attributes:
        type: Always `reject`.
        message: Why, told to the model.
    """

    type: Literal["reject"] = "reject"
    message: str | None = None


class Respond(_Answer):
    """Answer in place of the tool.

    Attributes:
        type: Always `respond`.
        message: What the model gets as the tool's result.
    """

    type: Literal["respond"] = "respond"
    message: str


Decision = Annotated[Approve | Edit | Reject | Respond, Field(discriminator="type")]


class Decisions(_Answer):
    """One decision for each tool call of a batch, in the same order.

    Attributes:
        decisions: The decisions.
    """

    decisions: list[Decision]


def guarded_calls(value: object) -> list[JsonObject]:
    """Return the tool calls that an interrupt of LangChain's approval middleware is about.

    Args:
        value: What the interrupt shows.

    Returns:
        `name`, `args` and `description` of each call; nothing for any other interrupt.
    """
    if not isinstance(value, dict):
        return []
    if value.get("type") == "tool_approval":
        return [value]
    found = value.get("action_requests") if "review_configs" in value else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def default_schema(value: object, response_schema: JsonObject | None) -> object:
    """Return the schema of an answer where the caller names none.

    Args:
        value: What the interrupt shows.
        response_schema: The interrupt's own schema, if it carries one.

    Returns:
        That schema; the decisions of LangChain's approval middleware where the value is one of its requests; else any
        JSON value.
    """
    if response_schema is not None:
        return response_schema
    if isinstance(value, dict) and {"action_requests", "review_configs"} <= value.keys():
        return Decisions
    if isinstance(value, dict) and value.get("type") == "tool_approval":
        return Decision
    return Any
