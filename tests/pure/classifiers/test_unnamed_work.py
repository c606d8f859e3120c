"""Lines whose tool nobody named: what stands around them has to say what kind of failure they are."""

from __future__ import annotations

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import Category, Classification, JobFacts


def verdict(*lines: str) -> Classification:
    return classify(["\n".join(lines).encode()], JobFacts(), builtin_rules())


def test_a_line_that_a_problem_matcher_repeated_is_known_like_the_line_itself() -> None:
    line = "AssertionError: expected 3 to equal 4"
    marked = verdict("##[group]Run node a.js", "##[endgroup]", f"##[error]{line}")
    assert (marked.category, marked.message) == (Category.TESTING, line)
    assert marked.rule == verdict(line).rule


def test_what_an_unknown_action_refuses_is_no_build() -> None:
    answer = verdict("##[group]Run acme/greet@v3", "##[endgroup]", "##[error]The greeting has no addressee")
    assert answer.category is Category.INFRASTRUCTURE


def test_what_an_unknown_script_refuses_is_taken_for_the_build() -> None:
    answer = verdict("##[group]Run ./go", "##[endgroup]", "##[error]The greeting has no addressee")
    assert answer.category is Category.BUILD


def test_an_error_after_a_tools_own_summary_belongs_to_that_tool() -> None:
    answer = verdict("test cache::keeps_order ... FAILED", "Error: it took too long")
    assert answer.category is Category.TESTING


def test_a_command_that_could_not_be_run_is_the_runners_affair() -> None:
    answer = verdict("##[group]Run ./go", "##[endgroup]", "##[error]Process completed with exit code 127.")
    assert answer.category is Category.INFRASTRUCTURE


def test_exit_code_124_outweighs_a_script_that_only_says_that_it_failed() -> None:
    answer = verdict("##[error]the push ended with status 124", "##[error]Process completed with exit code 124.")
    assert answer.category is Category.TIMEOUT


def test_a_guess_is_said_to_be_one() -> None:
    guess = verdict("##[group]Run ./go", "##[endgroup]", "##[error]The greeting has no addressee")
    known = verdict("##[group]Run pytest", "##[endgroup]", "##[error]The greeting has no addressee")
    assert guess.confidence < 0.6 < known.confidence


def test_a_step_that_spoke_and_was_not_understood_leaves_little_confidence() -> None:
    end = "##[error]Process completed with exit code 1."
    silent = verdict("##[group]Run ./go", "##[endgroup]", end)
    spoke = verdict("##[group]Run ./go", "##[endgroup]", "the moon is in the wrong house", end)
    assert silent.category is spoke.category is Category.UNKNOWN
    assert spoke.confidence < 0.5 < silent.confidence


def test_a_crash_after_a_tools_good_end_belongs_to_that_tool() -> None:
    answer = verdict("===== 29 passed in 0.33s =====", "Segmentation fault (core dumped)")
    assert answer.category is Category.TESTING


def test_the_words_of_an_address_say_nothing_of_the_work() -> None:
    line = "curl: (7) Failed to connect to https://example.org/releases/a.tar.gz"
    assert verdict(line).category is Category.INFRASTRUCTURE


def test_names_that_gh_run_view_puts_before_a_line_say_what_was_at_work() -> None:
    prefix = "Deploy to the shop\tRoll out\t2026-08-18T01:47:13.0000000Z "
    answer = verdict(f"{prefix}the shop is closed", f"{prefix}##[error]the shop is closed")
    assert answer.category is Category.DEPLOYMENT


def test_an_address_in_the_command_is_no_word_for_a_release() -> None:
    command = "fetch -o tool.zip https://example.org/tool/releases/download/1.0/tool.zip"
    answer = verdict(f"##[group]Run {command}", "##[endgroup]", "##[error]Process completed with exit code 3.")
    assert answer.category is not Category.DEPLOYMENT


def test_a_script_that_calls_itself_a_check_is_taken_for_one() -> None:
    answer = verdict("##[group]Run ./ci/check-names.sh", "##[endgroup]", "##[error]the name of the boat is taken")
    assert answer.category is Category.LINTING


def test_the_end_of_a_step_as_the_web_page_shows_it_is_no_cause() -> None:
    answer = verdict("Run ./go", "the moon is in the wrong house", "Error: Process completed with exit code 1.")
    assert (answer.category, answer.rule) == (Category.UNKNOWN, "runner-exit-code")


def test_an_action_named_as_the_web_page_names_it_says_what_was_at_work() -> None:
    answer = verdict("Run acme/deploy-to-moon@v3", "Error: The process '/usr/local/bin/npx' failed with exit code 1")
    assert answer.category is Category.DEPLOYMENT


def test_a_command_printed_as_a_list_is_known() -> None:
    answer = verdict("ProcessError: Command '['helm', 'upgrade', '--install', 'ring']' returned 1")
    assert answer.category is Category.DEPLOYMENT


def test_a_path_in_a_checkers_finding_does_not_say_what_ran() -> None:
    line = "lint\tRun npm run typecheck\t2026-08-17T13:15:44.1234567Z ##[error]"
    answer = verdict(
        f"{line}src/test/a.ts(3,5): error TS2322: Type 'string' is not assignable.",
        f"{line}Process completed with exit code 2.",
    )
    assert answer.category is Category.LINTING
