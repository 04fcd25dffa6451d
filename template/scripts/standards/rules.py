"""The rules, by practice."""

from __future__ import annotations

from scripts.standards import behaviour, configuration, kit, modules
from scripts.standards.rule import ProjectRule, module_rule

__all__ = ["RULES"]

EVERYWHERE = ("src", "scripts", "tests")

RULES = (
    ProjectRule("TYP1", configuration.strict_types),
    module_rule("TYP1", configuration.checked_modules, *EVERYWHERE),
    ProjectRule("TYP1", configuration.strict_linting),
    module_rule("TYP2", modules.future_import, *EVERYWHERE),
    module_rule("CFG2", configuration.described_settings, "src/app"),
    module_rule("CFG6", behaviour.plain_secrets, "src", "scripts"),
    ProjectRule("CFG7", configuration.flags_and_limits),
    ProjectRule("DEP4", configuration.python_version),
    module_rule("DEP5", modules.private_interfaces, *EVERYWHERE),
    module_rule("LOG2", behaviour.module_loggers, "src"),
    module_rule("LOG4", behaviour.constant_events, "src"),
    module_rule("ERR5", behaviour.domain_errors, "src"),
    module_rule("CCH2", behaviour.cached_arguments, "src"),
    module_rule("TST1", modules.mocks_in_unit_tests, "tests/unit"),
    ProjectRule("TST2", configuration.integration_tests),
    ProjectRule("TST5", configuration.coverage_floor),
    module_rule("STR3", modules.catch_all_names, *EVERYWHERE),
    module_rule("STR3", modules.module_length, "src"),
    module_rule("STR4", modules.public_names, "src"),
    module_rule("STR4", modules.listed_names, "scripts"),
    ProjectRule("STR5", kit.recorded_edits),
)
