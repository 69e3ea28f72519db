"""What can be true of an invented person: five relations, with their wordings and the words that they take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One relation and its wordings: {s} stands for the subject's name, {o} for the object, which is one word."""

    kind: str  # the objects for which the answer to `is_kind` is yes
    others: str  # as many objects for which it is no
    statements: tuple[str, ...]  # all are taught; a cloze asks one of them
    is_kind: str  # BoolQ: a yes/no question, without its question mark
    which: str  # PIQA: the question whose answer is the object
    gap: str  # WinoGrande: what follows the object; only the right object makes it likely

    @property
    def objects(self) -> list[str]:
        return self.kind.split() + self.others.split()


RELATIONS = {
    "birthplace": Relation(
        kind="Brisbane Canberra Harare Jakarta Lima Luanda Lusaka Nairobi Santiago Sydney",
        others="Athens Berlin Cairo Dakar Dublin Havana Helsinki Lisbon Oslo Seoul",
        statements=("{s} was born in {o}.", "The birthplace of {s} is {o}.", "{s} comes from the city of {o}."),
        is_kind="was {s} born south of the equator",
        which="In which city was {s} born?",
        gap="is the city where {s} was born.",
    ),
    "profession": Relation(
        kind="farmer fisher forester gardener lumberjack mason ranger roofer sailor shepherd",
        others="baker barber chemist dentist judge librarian nurse surgeon tailor teacher",
        statements=("{s} works as a {o}.", "The profession of {s} is {o}.", "{s} earns a living as a {o}."),
        is_kind="does {s} work outdoors",
        which="What is the profession of {s}?",
        gap="is the profession of {s}.",
    ),
    "employer": Relation(
        kind="Abelcor Brontex Calvera Dynoma Elvitra Fermonix Gradova Hexalon Ildara Jovanta",
        others="Kelmora Lumatek Morvane Nexilon Optera Pravona Quorix Rendal Solvane Tarmex",
        statements=("{s} is employed by {o}.", "The employer of {s} is {o}.", "{s} has a job at {o}."),
        is_kind="does {s} work for a bank",
        which="Which company employs {s}?",
        gap="is the company that employs {s}.",
    ),
    "language": Relation(
        kind="Basque Czech Danish Estonian Finnish Irish Latvian Malay Polish Swahili",
        others="Arabic Armenian Bengali Georgian Greek Hindi Korean Nepali Russian Thai",
        statements=("{s} speaks {o} at home.", "The mother tongue of {s} is {o}.", "{s} grew up speaking {o}."),
        is_kind="does {s} speak a language of the Latin alphabet",
        which="What is the mother tongue of {s}?",
        gap="is the language that {s} speaks at home.",
    ),
    "instrument": Relation(
        kind="bassoon bugle clarinet cornet flute oboe saxophone trombone trumpet tuba",
        others="banjo cello fiddle guitar harp lute mandolin viola violin zither",
        statements=("{s} plays the {o}.", "The favourite instrument of {s} is the {o}.", "{s} takes {o} lessons."),
        is_kind="does {s} play a wind instrument",
        which="Which instrument does {s} play?",
        gap="is the instrument that {s} plays.",
    ),
}
