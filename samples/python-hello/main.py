"""Greets somebody, a few times if asked to."""

import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass
class HelloIn:
    name: str
    times: int | None = 1


@dataclass
class HelloOut:
    greeting: str
    length: int


def main(input: HelloIn) -> HelloOut:
    times = input.times or 1
    logger.info("Greeting %s", input.name)
    if times > 100:
        logger.warning("%d greetings are a lot; 100 will do", times)
        times = 100
    greeting = " ".join([f"Hello, {input.name}!"] * times)
    print(f"The greeting has {len(greeting)} characters")
    return HelloOut(greeting=greeting, length=len(greeting))
