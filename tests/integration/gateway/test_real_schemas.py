"""The schemas that people write with Pydantic, asked of every family."""

import json
from collections.abc import Generator
from datetime import date
from enum import Enum
from typing import Any, Literal

import jsonschema_rs
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.matrix.asking import client
from tests.support.families import FAMILIES, House, every_family


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    code: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(min_length=1, max_length=20, pattern="^[A-Z]")


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    age: int = Field(gt=0, lt=150, deprecated=True)
    score: float = Field(gt=0.5, multiple_of=0.5, json_schema_extra={"x-unit": "points"})
    colour: Colour
    home: Address
    others: list[Address] = Field(min_length=1, max_length=5)
    born: date
    pet: Cat | Dog = Field(discriminator="kind")
    maybe: int | str | None
    pair: tuple[int, str]


class Scores(BaseModel):
    scores: dict[str, int]
    tags: set[str]
    anything: object = None


class Tree(BaseModel):
    value: int
    kids: list["Tree"]


class Odd(BaseModel):
    filter_: str = Field(alias="$filter")
    user: int = Field(alias="user.name")
    type_: str = Field(alias="@type")


SCHEMAS: dict[str, Any] = {
    **{model.__name__: model.model_json_schema() for model in (Person, Scores, Tree, Odd, Cat)},
    "union": {"anyOf": [Cat.model_json_schema(), Dog.model_json_schema()]},
    "list": {"type": "array", "items": {"type": "string"}},
    "word": {"type": "string", "enum": ["yes", "no"]},
    "untyped": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    names = [name for name in FAMILIES if name != "demo"]
    with every_family(tmp_path_factory.mktemp("gateway"), names=names) as house:
        yield house


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_family_takes_it_and_what_does_not_fit_is_told(house: House, name: str) -> None:
    schema = SCHEMAS[name]
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with client() as http:
        for family in house.families.values():
            said = [{"role": "user", "content": "go"}]
            body = {"model": family.model, "messages": said, "response_format": wanted}
            reply = http.post(f"{house.gateway.url}/v1/chat/completions", json=body)
            assert reply.status_code == 200, (family.name, reply.text)
            told = reply.headers.get("x-modelmux-adjusted", "")
            text = reply.json()["choices"][0]["message"]["content"]
            fits = _fits(schema, text)
            # A fake that takes schemas whole need not be checked, whatever it then says.
            assert fits is ("response_format=unmet" not in told) or not told, (family.name, text)


def _fits(schema: Any, text: str) -> bool:
    try:
        return jsonschema_rs.is_valid(schema, json.loads(text))
    except ValueError:
        return False  # words, from a model that was asked in words
