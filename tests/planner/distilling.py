"""Cases about the population of cities, and short ways to distil them."""

from __future__ import annotations

import anyio

from memento_memory.bank import CaseBank
from memento_memory.case import Result
from memento_memory.lessons import Lessons
from memento_planner.distill import Report as Distilled
from memento_planner.distill import distill
from memory.making import report, result
from planner.scripted import ScriptedModel

CITIES = ("Lyon", "Osaka", "Porto", "Quito", "Riga", "Sofia", "Tunis", "Turin")
SURE = result("success", evidence="test_passed")
SURELY_NOT = result("failure", evidence="test_passed")
LESSON = "For the population of a city: check the year of the figure before answering; answers without it failed."


def asked(city: str) -> str:
    return f"What is the population of the city of {city}?"


def steps(city: str, *, checked: bool = True) -> tuple[str, ...]:
    check = (f"Check the year of the figure for {city}",) if checked else ()
    return (f"Search the web for the population of {city}", *check, f"Answer with the population of {city}")


def retained(bank: CaseBank, city: str, outcome: Result = SURE, *, checked: bool = True, namespace: str = "default"):
    return bank.retain(report(asked(city), *steps(city, checked=checked), result=outcome, namespace=namespace)).case


def stream(bank: CaseBank, namespace: str = "default") -> None:
    """Five cities with the check, which worked, and three without, which did not."""
    for city in CITIES[:5]:
        retained(bank, city, namespace=namespace)
    for city in CITIES[5:]:
        retained(bank, city, SURELY_NOT, checked=False, namespace=namespace)


def distilled(bank: CaseBank, clock, model: ScriptedModel | None = None, **options) -> Distilled:
    return anyio.run(lambda: distill(bank, model=model, clock=clock, **options))


def lessons_of(bank: CaseBank, clock) -> Lessons:
    return Lessons(bank.database, bank.embeddings, clock)
