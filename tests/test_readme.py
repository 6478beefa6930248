"""Every sentence of the README is held by a test, or is measured by a benchmark, or merely names something."""

import ast
import functools

import pytest
from documents import ROOT, sentences

# How a sentence begins, and what holds it: tests as "file.test" without "test_", of which the beginning is enough; a
# file of benchmarks for what is measured; NAMES where nothing is claimed.
NAMES = "it names"
BY_HAND = "measured by hand: a new environment, pip install, du; the demo and the tests by the clock"
HELD = {
    "One command tells": "command.imagenet_c_leaves_every_file_and_a_second_call_finds_nothing_to_do "
    "suites.imagenet_c_from_the_archives_is_imagenet_c_on_the_fly",
    "Pooling-based Vision": "pit.equals_timm command.models_are_compared_in_one_run_and_random_weights_are_stamped",
    "**Right.**": "metrics_corruption.alexnet_as_records_has_mce_one_hundred reports.figures_have_their_interval_where",
    "What cannot be measured": "details.bad_records_are_refused metrics_shifts.shape_bias_that_cannot_be_measured",
    "**Repeatable.**": "seeds.every_part_of_the_key_counts repeatable.the_order_of_suites_and_attacks_changes_nothing",
    "Batch size, workers": "repeatable.batches_and_threads_change_nothing repeatable.a_stop_and_other_processes",
    "**Fast.**": "engine.models_share_a_corruption_and_see attacks.pgd_stops_at_the_first_success_and_counts",
    "**Plain.**": "command.the_demo_asks_for_the_bundled_model_and_photographs",
    "On a fresh machine": NAMES,
    "Without flags": "command.the_demo_asks_for_the_bundled_model_and_photographs models.the_bundled_weights",
    "It takes a minute": BY_HAND,
    "Twenty images": "datasets.sample_is_twenty_photographs_read command.attacks_on_the_sample",
    "Every report says so": "command.attacks_on_the_sample",
    "For development": NAMES,
    "With `-n 2` the tests take": BY_HAND,
    "`python -m tests.fuzz": NAMES,
    "| I have": NAMES,
    "| a timm model": "models.a_model_states_its_own_preprocessing models.local_folders_are_what_the_hub_has",
    "| PiT": "pit.create_model_and_the_function_make_the_same pit.equals_timm",
    "| weights in a file": "checkpoints.every_wrapping_gives_the_same models.timms_layout_of_pit_loads_too",
    "| a torchvision model": "models.torchvision_states_the_preprocessing_of_its_weights",
    "| my own network": "models.own_code_scores_what_timms_model_scores",
    "| an exported network": "models.an_exported_network_answers_as_the_network",
    "| several models": "engine.models_share_a_corruption_and_see_the_protocols_view",
    "| the ImageNet validation set": "datasets.class_folders datasets.flat_folder_with_each_label_file",
    "| another data set": "sources.photographs_are_the_same_records_from_every_container hub_rows.shards_are_fetched",
    "| all my data": "command.ones_own_data_by_folder_and_by_root",
    "| no data yet": "download.the_command_downloads download.the_command_lists",
    "| little time": "datasets.order_is_of_the_ids_alone_and_mixes_classes datasets.limited_keeps_a_prefix",
    "| nothing yet": "datasets.sample_is_twenty_photographs",
    "A network of one's own": "models.own_code_states_its_preprocessing_or_is_asked_for_it",
    "An exported network says": "models.an_exported_network_that_cannot_be_used_says_why",
    "Networks trained on": "models.a_larger_imagenet_is_cut_down models.a_label_space_without_imagenet_is_refused",
    "Weights from the hub": "hub.content_with_another_hash_is_refused checkpoints.the_hash_is_of_the_numbers",
    "`--dry-run` prints": "command.a_dry_run_prints_the_plan_and_leaves_nothing",
    "`--list-models`": "command.lists command.every_flag_is_explained",
    "`--config run.yaml`": "command.a_config_file_has_the_same_names",
    "`python -m robustness.corruptions": "gallery.the_command gallery.cells_are_the_corruptions",
    "| suite": NAMES,
    "| `imagenet` ": "plan.all_is_every_suite_whose_data models.a_model_states_its_own_preprocessing",
    "| `imagenet-c` ": "corruptions.the_benchmarks_are_complete plan.in_memory_means_no_jpeg "
    "metrics_corruption.alexnet_is_one_hundred_exactly",
    "| `imagenet-c-extra`": "corruptions.the_benchmarks_are_complete metrics_corruption.other_suites_have_no_mce",
    "| `imagenet-c-bar`": "corruptions.the_benchmarks_are_complete metrics_corruption.other_suites_have_no_mce",
    "| `imagenet-3dcc`": "plan.a_data_set_in_parts_is_a_suite_of_its_parts",
    "| `imagenet-a`, `imagenet-r`": "suites.accuracy_among_200 scoring.two_hundred calibration.the_benchmarks",
    "| `imagenet-o`": "out_of_distribution.figures_of_records_are_scikit_learns",
    "| `imagenet-v2`": "effective.each_selection_of_imagenet_v2_has_its_own_line scoring.the_thousand_are_judged",
    "| `cue-conflict`": "scoring.sixteen_categories_by_mean_probability suites.cue_conflicts_give_a_shape_bias",
    "| `objectnet`": "scoring.a_mapped_decision_is_wrong decode.the_border_is_cut_from_each_side",
    "| `background-challenge`": "challenge.every_foreground_meets metrics_shifts.background_gap_is_paired",
    "| `occlusion`": "corruptions.the_benchmarks_are_complete plan.corruption_suites_are_every_name_at_every_severity",
    "| `patch`": "corruptions.the_benchmarks_are_complete plan.corruption_suites_are_every_name_at_every_severity",
    "| `adversarial`": "plan.attacks_without_a_suite engine.clean_and_attacked_rows_agree",
    "| `autoattack`": "attack_auto.autoattack_finds_what_any attack_auto.as_strong_as_the_original",
    "Photographs of ImageNet-A": "engine.models_share_a_corruption_and_see_the_protocols_view",
    "`python -m datasets check": "check.a_whole_copy_has_no_problems check.every_image_is_read_once",
    "JPEGs are decoded": "benchmarks/decoding.py decode.view_is_within_two_levels_of_torchvision_on_pillow",
    "`fgsm pgd mifgsm": "docs.every_suite_and_attack attacks.contract attack_minimal.they_have_no_radius",
    "`--targeted least-likely`": "command.a_targeted_attack_has_succeeded command.attacks_may_be_made_on_another_model",
    "What is wrong when clean": "engine.clean_and_attacked_rows_agree",
    "Robust accuracy is of all": "docs.robust_accuracy_is_what_the_document_says metrics_attacks.the_worst_case_counts",
    "An image leaves the batch": "attacks.pgd_stops_at_the_first_success attacks.where_another_network_decides",
    "The verdict is a fresh": "command.under_reduced_precision_attacks_see_and metrics_attacks.rounded_images",
    "Random starts belong": "attack_simple.draws_do_not_depend_on_the_batch",
    "Rounding of gradients": "attack_processes.another_process_and_other_batches_find_the_same_images",
    "An audit follows": "audit.networks_that_attacks_cannot_be_trusted_on audit.contradictions audit.pixels_that_are",
    "What it finds": "attack_audit.hidden_gradients_stand_on_top_of_every_report",
    "The same command again": "command.a_killed_run_goes_on_where_it_was command.imagenet_c_leaves_every_file",
    "Ctrl-C, or SLURM's": "interrupts.a_classifier_stops_between_two_batches command.a_killed_run_goes_on",
    "Several processes, of": "repeatable.the_number_of_processes_changes_nothing claims.the_silent_are_dead_after",
    "Two runs in one": "runs.a_second_lone_run_is_refused_and_told_by_whom",
    "Out of memory": "engine.a_batch_that_does_not_fit_is_halved_and_that_is_recorded",
    "A part that the disk": "command.a_damaged_part_is_named_and_repaired_on_request",
    "`--fold results/my-run`": "command.scores_are_folded_again_from_the_records_alone",
    "Logits that are not": "engine.logits_that_are_not_finite engine.they_count_as_wrong_and_as_failures",
    "`--profile`": "stopwatch.",
    "In `results/<run>/`": NAMES,
    "| file": NAMES,
    "| `scores.csv`": "docs.every_column_is_explained",
    "| `report.md`": "reports.markdown_has_all_parts_in_order watching.a_cheap_refresh_comes_at_intervals",
    "| `tables.tex`": "reports_formats.golden_files reports_formats.the_hub_reads_the_card",
    "| `figures/`": "page.images_load_and_plots_are_there examples.pictures_lie_in_the_runs_folder",
    "| `comparisons.csv`": "comparison.holm_is_statsmodels_own comparison.ranking_says_which_places_are_tied",
    "| `records/*.parquet`": "engine.a_row_per_model_condition_and_sample docs.every_column_is_explained",
    "| `run.json`": "store.the_header_is_json_that_people_can_read",
    "| `failures.csv`": "command.unreadable_images_are_named_counted_and_exit_code_1",
    "[docs/records.md]": "docs.every_column_is_explained docs.examples_in_pandas docs.examples_in_duckdb",
    "Past runs are": "reports_compare.past_runs_need_no_torch docs.every_block_is_done_or_says_what_it_needs",
    "A model is called better": "comparison.verdicts_follow_the_corrected_p_alone",
    "Accuracy under shift": "effective.standard_models published.a_gap_beyond_sampling_error_is_flagged",
    "Exit codes": "command.bad_usage_is_one_sentence interrupts.a_run_that_is_asked_to_stop_is_a_keyboard_interrupt",
    "State dicts": "pit.layouts_translate pit.pretrained_weights_load_from_either_layout",
    "Four packages": "architecture.packages_import_nothing_of_each_other_and_relatively_inside",
    "A new corruption": "docs.what_is_added_works_and_meets_the_contracts",
    "Apache-2.0": NAMES,
    "The corruptions are those": NAMES,
    "The packages fill": BY_HAND,
    "Guides": NAMES,
}


@functools.cache
def names_in(file: str) -> list[str]:
    tree = ast.parse((ROOT / "tests" / f"test_{file}.py").read_text())
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize("sentence", sentences(ROOT / "README.md"), ids=lambda sentence: sentence[:40])
def test_every_sentence_is_held(sentence: str) -> None:
    assert [start for start in HELD if sentence.startswith(start)], f"nothing holds: {sentence}"


@pytest.mark.parametrize("start", HELD)
def test_what_holds_a_sentence_is_there(start: str) -> None:
    assert sum(sentence.startswith(start) for sentence in sentences(ROOT / "README.md")) == 1
    for holder in HELD[start].split() if HELD[start] not in (NAMES, BY_HAND) else ():
        file, _, name = holder.partition(".")
        if file.startswith("benchmarks/"):
            assert (ROOT / holder).exists()
        else:
            assert any(own.startswith(f"test_{name}") for own in names_in(file)), holder
