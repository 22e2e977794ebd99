"""Small tasks over a folder of notes, each with the files it begins with and those it has to end with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memento_memory.case import Task
from memento_memory.plan import Plan, Subtask

SERVER = "notes"
_WRITE, _READ, _LIST = (f"{SERVER}__{tool}" for tool in ("write_note", "read_note", "list_notes"))
_SHOWN = 3  # wordings that the bank knows; the others are met for the first time
_WORDED = (0, 1, 2, 0, 1, 3, 4)  # which wording each row of values is put into: the first three go into the bank

Files = dict[str, str]


@dataclass(frozen=True, slots=True)
class Chore:
    """A task with its check.

    Attributes:
        known: whether the bank holds a task of this kind in the same words, with other names and values.
        before, after: texts of files by name: those that are there, and those that have to be.
        plan: one that is right.
    """

    kind: str
    task: Task
    known: bool
    before: Files
    after: Files
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Kind:
    """Tasks that differ in names, values and words.

    Attributes:
        fields: what the values of a row are.
        wordings: five ways to ask.
        steps: (description, tool); each builds on the one before.
        rows: seven; the first three become cases.
    """

    name: str
    fields: tuple[str, ...]
    before: Files
    after: Files
    wordings: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]

    def chores(self) -> list[Chore]:
        return [self._chore(row, wording) for row, wording in zip(self.rows, _WORDED, strict=True)]

    def _chore(self, row: tuple[str, ...], wording: int) -> Chore:
        values = dict(zip(self.fields, row, strict=True))

        def filled(files: Files) -> Files:
            return {name.format_map(values): text.format_map(values) for name, text in files.items()}

        steps = [
            Subtask(i, said.format_map(values), (i - 1,) if i > 1 else (), tool)
            for i, (said, tool) in enumerate(self.steps, start=1)
        ]
        task = Task(self.wordings[wording].format_map(values))
        plan = Plan(tuple(steps))
        return Chore(self.name, task, wording < _SHOWN, filled(self.before), filled(self.after), plan)


def to_remember() -> list[Chore]:
    """Those whose plans become cases: three of each kind."""
    return [chore for kind in _KINDS for chore in kind.chores()[:_SHOWN]]


def to_solve(most: int | None = None) -> list[Chore]:
    """Those to be solved, four of each kind, kinds by turns; their names and values are not those of the others."""
    return list(_by_turns())[:most]


def _by_turns() -> Iterator[Chore]:
    """Two rounds in words that the bank knows and two in others, mixed so that a few tasks are of both sorts."""
    for turn in range(4):
        for place, kind in enumerate(_KINDS):
            known, other = kind.chores()[_SHOWN : _SHOWN + 2], kind.chores()[_SHOWN + 2 :]
            yield ((known, other)[(turn + place) % 2])[turn // 2]


_KINDS = (
    _Kind(
        "write, then read",
        ("text", "name"),
        {},
        {"{name}": "{text}"},
        (
            "Write '{text}' to {name}, then read it back",
            "Put the line '{text}' into the file {name} and show me what it says",
            "Make a note {name} that says '{text}' and check it by reading it",
            "I need '{text}' in {name}; read the file again afterwards to be sure",
            "Store '{text}' under the name {name} and then open it",
        ),
        (("Write '{text}' to {name}", _WRITE), ("Read {name}", _READ)),
        (
            ("Call Anna", "todo.txt"),
            ("The spare key is with Mr Novak", "keys.txt"),
            ("Water the ferns on Sundays", "plants.txt"),
            ("Pick up the parcel before noon", "errands.txt"),
            ("Room 14 has the projector", "office.txt"),
            ("Flour, yeast and salt", "bakery.txt"),
            ("The gate code is 7731", "gate.txt"),
        ),
    ),
    _Kind(
        "write, then list",
        ("text", "name"),
        {},
        {"{name}": "{text}"},
        (
            "Save the sentence '{text}' as a note named {name} and list all notes",
            "Create {name} with the text '{text}', then tell me which files there are",
            "Note down '{text}' in {name} and show the list of notes",
            "Keep '{text}' as {name}, then list what is in the folder",
            "Add a file {name} saying '{text}' and give me all the file names",
        ),
        (("Write '{text}' to {name}", _WRITE), ("List the notes", _LIST)),
        (
            ("The library closes at six", "library.txt"),
            ("Invoice 318 is paid", "invoices.txt"),
            ("Ask Priya about the visa", "travel.txt"),
            ("The boiler was serviced in March", "boiler.txt"),
            ("Size 43, wide fit", "shoes.txt"),
            ("Train leaves from platform 9", "train.txt"),
            ("Two litres of white paint", "paint.txt"),
        ),
    ),
    _Kind(
        "copy",
        ("text", "source", "target"),
        {"{source}": "{text}"},
        {"{source}": "{text}", "{target}": "{text}"},
        (
            "Copy what {source} says into {target}",
            "Make {target} say the same as {source}",
            "Duplicate the note {source} as {target}",
            "Take the text of {source} and write it to {target}",
            "I want a second copy of {source} called {target}",
        ),
        (("Read {source}", _READ), ("Write the text of {source} to {target}", _WRITE)),
        (
            ("Tent, stove, two lamps", "packing.txt", "trip.txt"),
            ("Monday: fish. Tuesday: soup.", "menu.txt", "kitchen.txt"),
            ("Lena, Omar and Ruth are coming", "guests.txt", "party.txt"),
            ("Turn left at the mill, then up the hill", "route.txt", "directions.txt"),
            ("Blue folder, second shelf", "archive.txt", "where.txt"),
            ("Meeting moved to Thursday at ten", "meeting.txt", "calendar.txt"),
            ("Serial number 55-0192", "printer.txt", "warranty.txt"),
        ),
    ),
    _Kind(
        "two notes",
        ("first", "one", "second", "two"),
        {},
        {"{one}": "{first}", "{two}": "{second}"},
        (
            "Put '{first}' into {one} and '{second}' into {two}",
            "Make two notes: {one} with '{first}' and {two} with '{second}'",
            "Write '{first}' to {one}; then write '{second}' to {two}",
            "{one} should say '{first}', and {two} should say '{second}'",
            "Save '{first}' as {one}, and as {two} save '{second}'",
        ),
        (("Write '{first}' to {one}", _WRITE), ("Write '{second}' to {two}", _WRITE)),
        (
            ("milk and bread", "shop.txt", "wash the car", "saturday.txt"),
            ("Aisle 4", "seat.txt", "Gate B12", "flight.txt"),
            ("Three goals", "score.txt", "Rain from noon", "weather.txt"),
            ("Dentist at eight", "morning.txt", "Choir at seven", "evening.txt"),
            ("Red for stop", "red.txt", "Green for go", "green.txt"),
            ("Return the drill", "neighbour.txt", "Buy screws", "hardware.txt"),
            ("Chapter two is done", "draft.txt", "Chapter three by May", "plan.txt"),
        ),
    ),
    _Kind(
        "the same text twice",
        ("text", "one", "two"),
        {},
        {"{one}": "{text}", "{two}": "{text}"},
        (
            "Write '{text}' to both {one} and {two}",
            "Save '{text}' in {one} and keep a copy of it in {two}",
            "Put '{text}' into {one}, and the same into {two}",
            "{one} and {two} should each say '{text}'",
            "File '{text}' twice: once as {one}, once as {two}",
        ),
        (("Write '{text}' to {one}", _WRITE), ("Write '{text}' to {two}", _WRITE)),
        (
            ("The alarm is off", "alarm.txt", "house.txt"),
            ("Closed on Fridays", "door.txt", "window.txt"),
            ("Version 2 is out", "news.txt", "changes.txt"),
            ("Lunch is at one", "canteen.txt", "notice.txt"),
            ("Use the side entrance", "visitors.txt", "couriers.txt"),
            ("The pool is heated", "hotel.txt", "leaflet.txt"),
            ("Bring your own cup", "picnic.txt", "invitation.txt"),
        ),
    ),
    _Kind(
        "replace, keeping the old",
        ("old", "name", "backup", "text"),
        {"{name}": "{old}"},
        {"{name}": "{text}", "{backup}": "{old}"},
        (
            "Copy {name} to {backup}, then make {name} say '{text}'",
            "Keep the old text of {name} in {backup} and replace it by '{text}'",
            "Before you change {name} to '{text}', save what it says as {backup}",
            "Back up {name} as {backup}; after that {name} should read '{text}'",
            "Overwrite {name} with '{text}', but first put its present text into {backup}",
        ),
        (
            ("Read {name}", _READ),
            ("Write the text of {name} to {backup}", _WRITE),
            ("Write '{text}' to {name}", _WRITE),
        ),
        (
            ("Rent is due on the first", "rent.txt", "rent-old.txt", "Rent is due on the fifth"),
            ("Team of four", "team.txt", "team-before.txt", "Team of six"),
            ("Open nine to five", "hours.txt", "hours-last-year.txt", "Open ten to four"),
            ("Coach: Ivo", "coach.txt", "coach-past.txt", "Coach: Mara"),
            ("Price: 12 euros", "price.txt", "price-2023.txt", "Price: 15 euros"),
            ("Cat food: tuna", "cat.txt", "cat-earlier.txt", "Cat food: chicken"),
            ("Bus 31 to the harbour", "bus.txt", "bus-winter.txt", "Bus 40 to the harbour"),
        ),
    ),
)
