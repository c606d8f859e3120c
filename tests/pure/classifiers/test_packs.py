"""Every rule's own examples are its tests: won by it against all packs, near misses left alone."""

from __future__ import annotations

from importlib import resources

import pytest

from classifiers.builtin import builtin_rules, load_packs
from classifiers.evidence import evidence_of
from classifiers.joblog import segments
from classifiers.model import Annotation, Category, JobFacts
from classifiers.ranking import rank
from classifiers.rules import SILENT, PackError, Rule
from classifiers.scanner import Scanner

RULES = builtin_rules()
EXAMPLES = [(rule, sample) for rule in RULES.rules for sample in rule.matches]
GOOD = """
[[rule]]
id = "one"
tool = "t"
category = "build"
pattern = 'broken: (?P<message>.+)'
matches = ["broken: x"]
"""


def winner(sample: str) -> str:
    scanner = Scanner(RULES, JobFacts())
    scanner.feed(sample.encode())
    scan = scanner.result()
    best = rank(scan, segments(scan.anchors, scan.lines, JobFacts()), JobFacts(), RULES).best
    return best.rule.id if best else "nobody"


@pytest.mark.parametrize(("rule", "sample"), EXAMPLES, ids=[f"{r.id}-{i}" for i, (r, _) in enumerate(EXAMPLES)])
def test_an_example_is_won_by_its_own_rule(rule: Rule, sample: str) -> None:
    if rule.role in SILENT:
        assert any(rule.search(line.encode()) for line in sample.split("\n"))
        assert winner(sample) in ("nobody", "generic-failed")
    else:
        assert winner(sample) == rule.id


def test_the_packs_keep_their_own_promises() -> None:
    folder = resources.files("classifiers").joinpath("packs")
    texts = {
        entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")
    }
    assert len(load_packs(texts).rules) == len(RULES.rules)


def test_every_category_has_rules() -> None:
    assert {rule.category for rule in RULES.rules} >= set(Category) - {Category.UNKNOWN}


def test_a_bad_pack_tells_every_mistake_with_rule_and_field() -> None:
    text = """
[[rule]]
id = "a"
tool = "t"
category = "nonsense"
pattern = '(?=x)'
matches = ["x"]
[[rule]]
id = "b"
category = "build"
pattern = 'x'
matches = "x"
colour = "red"
"""
    with pytest.raises(PackError) as caught:
        load_packs({"bad.toml": text, "worse.toml": "rule = ["})
    told = "\n".join(caught.value.mistakes)
    for part in (
        "rule a: category",
        "rule a: pattern",
        "rule b: tool: missing",
        "rule b: matches",
        "rule b: colour",
        "worse.toml: not TOML",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('matches = ["broken: x"]', 'matches = ["fine"]'), "matches"),
        (('matches = ["broken: x"]', 'matches = ["broken: x"]\nrejects = ["broken: y"]'), "rejects"),
        (('matches = ["broken: x"]', ""), "matches"),
        (("broken: ", "[é]: "), "pattern"),
        (('tool = "t"', 'tool = "t"\nweight = 99'), "weight"),
        (('tool = "t"', 'tool = "t"\nrole = "king"'), "role"),
    ],
)
def test_each_wrong_field_is_named(change: tuple[str, str], field: str) -> None:
    with pytest.raises(PackError) as caught:
        load_packs({"p.toml": GOOD.replace(*change)})
    assert any(f"rule one: {field}" in mistake for mistake in caught.value.mistakes)


def test_one_id_for_two_rules_is_a_mistake() -> None:
    with pytest.raises(PackError, match="id: used twice"):
        load_packs({"p.toml": GOOD, "q.toml": GOOD})


def test_an_unless_pattern_takes_lines_out() -> None:
    rules = load_packs({"p.toml": GOOD.replace("tool = ", "unless = 'x y'\ntool = ")})
    assert rules.rules[0].search(b"broken: x")
    assert not rules.rules[0].search(b"broken: x y")


def test_annotations_are_read_by_the_same_rules() -> None:
    annotation = Annotation("failure", "The job has exceeded the maximum execution time of 45m0s")
    evidence = evidence_of(JobFacts(annotations=(annotation,)), RULES)
    assert [hit.rule.id for hit in evidence.hits] == ["runner-job-time-limit"]
    assert evidence.annotation(evidence.hits[0].number) is annotation
