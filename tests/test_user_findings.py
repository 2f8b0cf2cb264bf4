"""Fifty findings of a first user (version 0.1), and the tests that hold each mend.

The findings themselves stand in the docstrings of the tests, many of which say *finding N*.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = "tests/gapbench"
TESTS = {
    1: (f"{UNIT}/commands/test_cost_commands.py::test_advice_of_a_run_is_what_the_run_cost", f"{UNIT}/analysis/economics/test_money_agrees.py::test_whatever_two_outputs_show_is_equal_to_the_cent"),
    2: (f"{UNIT}/commands/test_price_options.py::test_a_price_of_the_command_line_needs_no_new_run", f"{UNIT}/commands/test_price_options.py::test_a_suite_gives_its_costs", f"{UNIT}/commands/test_resume_in_place.py::test_a_new_price_and_another_key_variable_go_on_in_place"),
    3: (f"{UNIT}/analysis/economics/test_decision_rule.py::test_advise_follows_tiers_where_no_router_is_better", f"{UNIT}/analysis/economics/test_decision_rule.py::test_invalid_times_are_provisional_and_rule_nothing_out"),
    4: (f"{UNIT}/commands/test_cost_commands.py::test_a_set_price_is_on_its_label",),
    5: (f"{UNIT}/commands/test_cost_commands.py::test_limits_of_a_run_without_rates_are_named", f"{UNIT}/commands/test_cost_commands.py::test_a_suite_without_a_block_gives_its_models_prices", f"{UNIT}/analysis/economics/test_volume.py::test_requests_have_the_scenarios_tokens"),
    6: (f"{UNIT}/test_formatting.py::test_a_tasks_dollars_are_those_of_a_thousand",),
    7: (f"{UNIT}/report/test_answer.py::test_every_output_starts_with_the_same_three_lines", f"{UNIT}/report/test_answer.py::test_a_run_of_three_models_and_tasks_fits_a_screen"),
    8: (f"{UNIT}/report/test_answer.py::test_every_output_starts_with_the_same_three_lines",),
    9: (f"{UNIT}/report/test_pages.py::test_accuracy_and_fully_correct_are_two_columns",),
    10: (f"{UNIT}/analysis/quality/test_comparisons.py::test_every_model_has_a_row_over_all_requests", f"{UNIT}/analysis/quality/test_comparisons.py::test_against_compares_models_of_one_side_and_names_the_one_ahead"),
    11: (f"{UNIT}/analysis/quality/test_comparisons.py::test_verdict_and_shown_interval_agree",),
    12: (f"{UNIT}/report/test_answer.py::test_overall_says_how_it_is_weighted",),
    13: (f"{UNIT}/report/test_terminal.py::test_a_verdict_is_whole_at_120_columns", f"{UNIT}/report/test_terminal.py::test_no_name_and_no_figure_is_cut_at_any_width"),
    14: (f"{UNIT}/execution/monitoring/test_progress.py::test_the_rate_of_an_ended_cell_stays", f"{UNIT}/execution/monitoring/test_live_view.py::test_the_last_line_is_the_whole_run"),
    15: (f"{UNIT}/execution/test_watched_cells.py::test_the_rest_of_the_task_is_not_sent",),
    16: (f"{UNIT}/execution/test_side_by_side.py::test_models_on_two_machines_are_asked_at_the_same_time",),
    17: (f"{UNIT}/execution/test_first_calls.py::test_nothing_of_a_task_is_sent_after_a_refusal", f"{UNIT}/execution/test_first_calls.py::test_a_wrong_key_names_variable_status_and_words", f"{UNIT}/execution/test_first_calls.py::test_a_gateway_without_a_key_is_asked_first", f"{UNIT}/commands/test_trouble_found.py::test_an_offline_doctor_does_not_claim_that_a_key_works"),
    18: (f"{UNIT}/execution/test_first_calls.py::test_a_wrong_model_names_model_address_and_words", f"{UNIT}/commands/test_resume_in_place.py::test_a_fixed_model_name_goes_on_in_place"),
    19: (f"{UNIT}/commands/test_trouble_found.py::test_a_runner_of_a_cloud_says_what_works",),
    20: (f"{UNIT}/suite/tasks/test_prompt_problems.py::test_a_bare_column_name_is_a_constant_prompt",),
    21: (f"{UNIT}/suite/tasks/test_prompt_problems.py::test_letters_that_no_prompt_explains", f"{UNIT}/suite/tasks/test_prompt_problems.py::test_the_readme_says_what_its_letters_mean"),
    22: (f"{UNIT}/suite/test_init_shapes.py::test_images_found_by_value_are_sent", f"{UNIT}/suite/test_init_shapes.py::test_several_files_make_several_tasks"),
    23: (f"{UNIT}/commands/test_resume_in_place.py::test_only_what_is_left_is_asked_for",),
    24: (f"{UNIT}/commands/test_trouble_found.py::test_a_killed_sim_leaves_its_port",),
    25: (f"{UNIT}/commands/test_trouble_found.py::test_both_lists_of_runs_are_alike", f"{UNIT}/commands/test_trouble_found.py::test_quiet_says_what_it_prints", f"{UNIT}/analysis/regression/test_diff.py::test_a_flip_takes_one_line", f"{UNIT}/analysis/regression/test_diff.py::test_the_first_line_says_which_model_changed_and_why"),
    26: (f"{UNIT}/report/test_brief.py::test_it_has_question_answer_certainty_month_and_change", f"{UNIT}/report/test_brief.py::test_the_pdf_is_one_page"),
    27: (f"{UNIT}/suite/test_init_shapes.py::test_a_shape_gets_its_columns_or_a_reason",),
    28: (f"{UNIT}/suite/tasks/conversations/test_forms.py::test_every_form_is_read_to_the_same_messages", f"{UNIT}/suite/tasks/test_tools_in_tasks.py::test_tools_reach_the_sample"),
    29: (f"{UNIT}/store/importers/test_formats.py::test_a_file_of_chats_is_told_what_it_is",),
    30: (f"{UNIT}/analysis/test_made_up_prompts.py::test_a_replay_of_lengths_says_nothing_of_answers_that_could_not_be_judged",),
    31: ("tests/test_packaging.py::test_a_users_own_modules_do_not_hide_ours",),
    32: (f"{UNIT}/test_results.py::test_every_public_name_is_documented", f"{UNIT}/test_results.py::test_public_names_and_signatures_are_pinned"),
    33: (f"{UNIT}/test_results.py::test_any_attempt_column_can_be_asked_for", f"{UNIT}/analysis/test_frames.py::test_an_unknown_column_is_refused_with_near_names"),
    34: (f"{UNIT}/test_results.py::test_everything_is_shown_in_one_line",),
    35: (f"{UNIT}/analysis/test_continued_runs.py::test_tasks_dollars_and_pairs_are_counted_once", f"{UNIT}/analysis/test_continued_runs.py::test_each_run_has_its_own_gpu_price"),
    36: (f"{UNIT}/commands/test_trouble_found.py::test_report_takes_a_folder_of_runs",),
    37: ("tests/test_notebooks.py::test_a_notebook_is_stored_with_small_outputs",),
    38: (f"{UNIT}/test_result_charts.py::test_a_plot_has_the_size_and_title_that_are_asked_for", f"{UNIT}/test_result_charts.py::test_no_name_is_cut_off_at_an_edge", f"{UNIT}/test_result_charts.py::test_dollars_on_an_axis_are_plain"),
    39: ("tests/test_columns_doc.py::test_the_query_of_the_page_gives_the_newest_scores", "tests/test_join_snippets.py::test_duckdb_joins_attempts_and_texts"),
    40: (f"{UNIT}/commands/test_trend.py::test_the_first_line_is_the_news", f"{UNIT}/analysis/regression/test_trend.py::test_a_fall_is_dated_sized_and_explained"),
    41: (f"{UNIT}/commands/test_compare.py::test_junit_and_markdown_say_the_same",),
    42: (f"{UNIT}/commands/test_compare.py::test_every_output_says_which_fall_the_gate_could_find",),
    43: ("tests/test_action.py::test_nights_are_kept_compared_and_followed", f"{UNIT}/commands/test_trend.py::test_a_red_gate_is_posted", "tests/test_workflows.py::test_a_dead_endpoint_does_not_cost_the_night_of_the_others"),
    44: (f"{UNIT}/execution/replicas/test_replica_runner.py::test_each_row_names_its_replica",),
    45: (f"{UNIT}/commands/test_trouble_found.py::test_every_command_takes_the_name_of_a_baseline",),
    46: (f"{UNIT}/commands/test_compare.py::test_the_exit_code_is_the_verdict", f"{UNIT}/analysis/regression/test_compare.py::test_a_rule_that_makes_no_sense_is_refused", f"{UNIT}/execution/monitoring/test_folder_exporter.py::test_the_command_serves_what_other_processes_write"),
    47: (f"{UNIT}/report/test_page_marks.py::test_invalid_times_are_marked_everywhere", f"{UNIT}/view/test_app.py::test_samples_are_filtered_on_the_server"),
    48: (f"{UNIT}/view/test_text_search.py::test_texts_are_found", f"{UNIT}/view/test_app.py::test_a_sample_is_found_by_what_its_link_has", f"{UNIT}/view/test_app.py::test_a_note_is_kept_next_to_the_run"),
    49: ("tests/test_docs.py::test_every_page_is_in_the_navigation", "tests/test_packaging.py::test_the_tutorial_leads_from_the_install_to_one_page_in_ten_commands"),
    50: (f"{UNIT}/view/test_app.py::test_the_list_has_the_figures_of_each_run", f"{UNIT}/view/test_app.py::test_two_runs_are_matched_by_sample"),
}  # fmt: skip
"""By number of a finding, the tests that hold its mend."""


def test_every_finding_has_a_test() -> None:
    """1 to 50."""
    assert list(TESTS) == list(range(1, 51))


@pytest.mark.parametrize("number", TESTS)
def test_the_named_tests_exist(number: int) -> None:
    """A test that was renamed or removed must be replaced here."""
    for name in TESTS[number]:
        file, _, function = name.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
