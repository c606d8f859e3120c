"""The one door: a log's bytes and the job's facts in, a Classification out.

A streaming caller feeds a `Scanner` itself and calls `conclude`; where there is no log, `without_log` reads the
annotations and steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from classifiers.builtin import builtin_rules
from classifiers.confidence import BY_COMMAND, CERTAIN_OF_NOTHING, NOTHING_KNOWN, confidence_of
from classifiers.engine import captures
from classifiers.evidence import Evidence, evidence_of, joined
from classifiers.excerpt import excerpt_of, last_words, tail_of
from classifiers.findings import MESSAGE_WIDTH, message_of
from classifiers.fingerprint import fingerprint, says_little
from classifiers.green import mark, novel_line
from classifiers.joblog import Segment, failing_step, segments
from classifiers.model import Category, Classification, Finding, JobFacts, Location, Severity
from classifiers.ranking import Ranked, Ranking, rank
from classifiers.redaction import redact, shorten
from classifiers.rules import Rule, RuleSet
from classifiers.scanner import Scan, Scanner
from classifiers.severity import is_documentation, severity
from classifiers.suggestions import suggestions_for

MAX_FINDINGS = 12
OWN_RULES_CUT = "The repository's own rules took too long on this log; its rest was read without them."
_LIMITS = (timedelta(minutes=360), timedelta(minutes=60 * 24 * 5))
"""Time limits of a hosted and of a self-hosted job (docs.github.com, Actions limits)."""


def classify(log: Iterable[bytes], facts: JobFacts, rules: RuleSet) -> Classification:
    """Reads a log in pieces of any size and says what broke first. Memory does not grow with the log."""
    scanner = Scanner(rules, facts)
    for piece in log:
        scanner.feed(piece)
    return conclude(scanner.result(), facts, rules)


def without_log(facts: JobFacts) -> Classification:
    """A verdict from annotations, steps and conclusion alone, by the built-in rules."""
    return conclude(Scan(), facts, builtin_rules())


def conclude(scan: Scan, facts: JobFacts, rules: RuleSet) -> Classification:
    """The verdict on what a Scanner kept."""
    evidence = evidence_of(facts, rules)
    parts = segments(scan.anchors, scan.lines, facts)
    known = joined(scan, evidence)
    plain = _Case(scan, facts, rank(known, parts, facts, rules), evidence, rules).verdict()
    # Of a job without a log the annotations are all there is to try own rules on.
    own = scan.own if scan.lines else evidence.own
    if own:
        # Ranked a second time, so that no hit of an own rule can touch the identity found above.
        hits = tuple(sorted((*known.hits, *own), key=lambda hit: hit.number))
        ranking = rank(replace(known, hits=hits), parts, facts, rules)
        plain = _Case(scan, facts, ranking, evidence, rules).by_own_rule(plain)
    if scan.own_cut:
        plain = replace(plain, reasons=(*plain.reasons, OWN_RULES_CUT))
    return plain


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything a verdict is made of."""

    scan: Scan
    facts: JobFacts
    ranking: Ranking
    evidence: Evidence
    rules: RuleSet

    def verdict(self) -> Classification:
        """What the built-in rules say."""
        real = [item for item in self.ranking.ranked if item.rule.role != "wrapper"]
        return self._found(real[0], real) if real else self._inferred(self.ranking.best)

    def by_own_rule(self, plain: Classification) -> Classification:
        """What the repository's own rule shows; who the failure is stays as in `plain`."""
        own = next(item for item in self.ranking.ranked if item.rule.own)
        shown = self._found(own, self.ranking.ranked)
        said = f"The repository's own rule {own.rule.tool} decides; without it this is {plain.category}."
        return replace(shown, fingerprint=plain.fingerprint, generic=plain.generic, reasons=(said, *shown.reasons))

    def _found(self, best: Ranked, among: tuple[Ranked, ...] | list[Ranked]) -> Classification:
        finding, rule = best.finding, best.rule
        message = redact(finding.message)
        place = self._place(finding)
        return Classification(
            category=finding.category,
            severity=rule.severity or self._severity(finding.category, rule),
            confidence=confidence_of(best, self.ranking, in_green=self._in_green(best)),
            rule=rule.id,
            tool=rule.tool,
            message=message,
            line=finding.line if finding.line > 0 else None,
            excerpt=self._excerpt(best, among),
            location=place,
            fingerprint=self._identity(best, message, place),
            suggestions=self._suggestions(rule, finding.category, finding.location, best),
            reasons=self._reasons(best),
            step=self._step(best.segment),
            generic=self._generic(best, message, place),
            findings=self._competitors(),
        )

    def _place(self, finding: Finding) -> Location | None:
        """The place in the repository; a path that looks like a secret is none."""
        place = finding.location or self.evidence.location(finding.line)
        return place if place is not None and redact(place.path) == place.path else None

    def _identity(self, best: Ranked, message: str, place: Location | None) -> str:
        """By category and message; a message that hardly says anything is told apart by its file or its step."""
        if self._generic(best, message, place):
            context = (self.facts.workflow, self.facts.job, self._step(best.segment))
            return fingerprint(best.finding.category, message, context)
        named = f"{place.path} {message}" if place is not None and says_little(message) else message
        return fingerprint(best.finding.category, named)

    @staticmethod
    def _generic(best: Ranked, message: str, place: Location | None) -> bool:
        """Only a wrapper's kind of line is known: it groups, but excuses nothing."""
        return best.rule.role == "consequence" or (place is None and says_little(message))

    def _inferred(self, wrapper: Ranked | None) -> Classification:
        """No rule knows a cause: the step's command, the exit code and the conclusion are what is left."""
        category, message, confidence, reasons = self._inference(wrapper)
        line = wrapper.finding.line if wrapper and wrapper.finding.line > 0 else None
        words = last_words(self.scan, wrapper)
        new = novel_line(words[:-1] if line else words, self.facts.green) if self.facts.green else None
        line, shown = new if new is not None else (line, message)
        reasons = (*reasons, *self._beside_green(new))
        command = self.ranking.command
        context = (self.facts.workflow, self.facts.job, self._step(wrapper.segment if wrapper else None))
        return Classification(
            category=category,
            severity=self._severity(category, None),
            confidence=confidence,
            rule=wrapper.rule.id if wrapper else None,
            tool=command.tool if command else None,
            message=redact(message_of(None, shown)),
            line=line,
            excerpt=redact(tail_of(words, line) if words and (line or wrapper is None) else message)[:4000],
            location=None,
            # By what is known without the green log too: whether that could be read makes no other failure of it.
            fingerprint=fingerprint(category, redact(message), context),
            suggestions=self._advice(wrapper.rule if wrapper else None, category, {}, wrapper),
            reasons=reasons,
            step=context[2],
            generic=True,
            findings=self._competitors(),
        )

    def _inference(self, wrapper: Ranked | None) -> tuple[Category, str, float, tuple[str, ...]]:
        message = wrapper.finding.message if wrapper else ""
        if self.facts.conclusion == "timed_out" or self._ran_into_limit():
            return Category.TIMEOUT, message or "The job ran into its time limit", 0.7, ("It ended at its time limit.",)
        if wrapper is None and self.scan.lines == 0 and not self.facts.steps and self.facts.conclusion != "cancelled":
            said = "The job never started: it has no steps and no log."
            return Category.INFRASTRUCTURE, message or said, 0.6, (said,)
        if wrapper is not None and wrapper.rule.category not in (None, Category.UNKNOWN):
            return wrapper.finding.category, message, BY_COMMAND, ("Only this line says how it ended.",)
        if wrapper is not None and wrapper.rule.weight > 0:
            return Category.UNKNOWN, message, CERTAIN_OF_NOTHING, ("This line says that the cause lies elsewhere.",)
        command = self.ranking.command
        cancelled = self.facts.conclusion == "cancelled" or "canceled" in message
        if command is not None and not cancelled and (wrapper is not None or self.facts.steps):
            reason = f"Nothing in the log says why; the failing step runs {command.tool}."
            return command.category, message or "The step failed without saying why", BY_COMMAND, (reason,)
        return (
            Category.UNKNOWN,
            message or "Nothing in the log says what went wrong",
            CERTAIN_OF_NOTHING if cancelled or self._silent(wrapper) else NOTHING_KNOWN,
            ("No rule knows a cause.",),
        )

    def _silent(self, wrapper: Ranked | None) -> bool:
        """Whether the step printed nothing between its head and the line that ends it."""
        if wrapper is None:
            return self.scan.lines == 0
        window, number = wrapper.hit.window, wrapper.finding.line
        before = (window.at(above) for above in range(number - 1, number - 6, -1))
        return next((line.startswith(b"##[endgroup]") for line in before if line is not None and line.strip()), True)

    def _ran_into_limit(self) -> bool:
        """A job that was cancelled after a round limit: GitHub concludes time-outs as `cancelled`."""
        times = [step.started_at for step in self.facts.steps if step.started_at]
        ends = [step.completed_at for step in self.facts.steps if step.completed_at]
        if self.facts.conclusion != "cancelled" or not times or not ends:
            return False
        took = max(ends) - min(times)
        return any(limit - timedelta(minutes=1) <= took <= limit + timedelta(minutes=6) for limit in _LIMITS)

    def _severity(self, category: Category, rule: Rule | None) -> Severity:
        return severity(
            category,
            self.facts,
            security=rule is not None and rule.security,
            warnings_only=rule is not None and rule.warning,
            documentation=is_documentation(rule.tool if rule else "", self.facts),
        )

    def _excerpt(self, best: Ranked, among: tuple[Ranked, ...] | list[Ranked]) -> str:
        annotation = self.evidence.annotation(best.finding.line)
        if annotation is not None:
            return redact("\n".join(annotation.message.splitlines()[:30]))[:4000]
        near = [item for item in among if item.segment == best.segment or item.rule.anywhere]
        return redact(excerpt_of(best, near))

    def _suggestions(self, rule: Rule, category: Category, location: Location | None, best: Ranked) -> tuple[str, ...]:
        values = captures(best.hit.match)
        if location is not None:
            values |= {"file": location.path, "line": str(location.line)}
        return self._advice(rule, category, values, best)

    def _advice(
        self, rule: Rule | None, category: Category, values: Mapping[str, str], item: Ranked | None
    ) -> tuple[str, ...]:
        tool = rule.tool if rule else ""
        step = item.segment.command if item is not None and item.segment is not None else ""
        found = suggestions_for(rule, category, values, self.rules.local.get(tool, ""), step)
        return tuple(redact(text) for text in found)

    def _reasons(self, best: Ranked) -> tuple[str, ...]:
        where = f"line {best.finding.line}" if best.finding.line > 0 else "an annotation"
        reasons = [f"{best.rule.tool} said so in {where}."]
        if any(reason.startswith("its tool says that it failed") for reason in best.finding.reasons):
            reasons.append(f"{best.rule.tool} ended as failed afterwards.")
        if best.segment is not None and best.segment.failed:
            reasons.append(f"It stands in the failing step{self._quoted(best.segment)}.")
        reasons += self._against_green(best)
        others = {item.finding.category for item in self.ranking.ranked[1:6]} - {best.finding.category}
        if others:
            reasons.append(f"Weaker signs of {', '.join(sorted(others))} were found as well.")
        return tuple(reasons)

    def _in_green(self, best: Ranked) -> bool:
        return bool(self.facts.green) and mark(best.finding.text) in self.facts.green

    def _against_green(self, best: Ranked) -> Iterable[str]:
        """What the last green log says to the deciding line; a log that was read in part denies nothing."""
        if self.facts.green and best.finding.line > 0:
            if self._in_green(best):
                yield "The last green log has it too."
            elif not self.facts.green_cut:
                yield "The last green log does not have this line."

    def _beside_green(self, new: tuple[int, str] | None) -> Iterable[str]:
        if new is not None and not self.facts.green_cut:
            yield "The last green log does not have this line."
        elif self.facts.green and new is None:
            yield "The last green log has all the last lines of this one too."

    def _quoted(self, segment: Segment) -> str:
        name = redact(segment.name)
        return f" “{name[:80]}”" if name else ""

    def _step(self, segment: Segment | None) -> str:
        step = failing_step(self.facts)
        if step is not None:
            return redact(step.name)
        return redact(self.facts.step or (segment.name if segment else ""))

    def _competitors(self) -> tuple[Finding, ...]:
        seen: set[tuple[str, str]] = set()
        kept: list[Finding] = []
        for item in self.ranking.ranked:
            finding = item.finding
            if (finding.rule, finding.message) in seen:
                continue
            seen.add((finding.rule, finding.message))
            kept.append(_redacted(finding))
            if len(kept) == MAX_FINDINGS:
                break
        return tuple(kept)


def _redacted(finding: Finding) -> Finding:
    return replace(
        finding,
        text=redact(shorten(finding.text, MESSAGE_WIDTH)),
        message=redact(finding.message),
        step=redact(finding.step),
        line=max(0, finding.line),
        location=finding.location
        if finding.location and redact(finding.location.path) == finding.location.path
        else None,
    )
