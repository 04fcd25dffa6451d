"""The rules, by the practice they hold."""

from __future__ import annotations

from scripts.standards import behaviour, configuration, kit, modules
from scripts.standards.rule import ModuleRule, ProjectRule

__all__ = ["RULES"]

EVERYWHERE = ("src", "scripts", "tests")
SETTINGS = ("src/app/config",)

RULES = (
    ProjectRule("TYP1", configuration.strict_types),
    ModuleRule("TYP1", configuration.checked_modules, EVERYWHERE),
    ProjectRule("TYP1", configuration.strict_linting),
    ModuleRule("TYP2", modules.future_import, EVERYWHERE),
    ModuleRule("CFG1", modules.environment_reads, ("src",)),
    ModuleRule("CFG2", configuration.described_settings, SETTINGS),
    ModuleRule("CFG6", behaviour.plain_secrets, ("src", "scripts")),
    ProjectRule("CFG7", configuration.flags_and_limits),
    ProjectRule("DEP4", configuration.python_version),
    ModuleRule("DEP5", modules.private_interfaces, EVERYWHERE),
    ModuleRule("LOG2", behaviour.module_loggers, ("src",)),
    ModuleRule("LOG4", behaviour.constant_events, ("src",)),
    ModuleRule("ERR5", behaviour.domain_errors, ("src",)),
    ModuleRule("CCH2", behaviour.cached_arguments, ("src",)),
    ModuleRule("TST1", modules.mocks_in_unit_tests, ("tests/unit",)),
    ProjectRule("TST2", configuration.integration_tests),
    ProjectRule("TST5", configuration.coverage_floor),
    ModuleRule("STR3", modules.catch_all_names, ("src",)),
    ModuleRule("STR3", modules.module_length, ("src",)),
    ModuleRule("STR4", modules.public_names, ("src",)),
    ProjectRule("STR5", kit.recorded_edits),
)
