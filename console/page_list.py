"""All pages of the console. A page of another subject is added here, and nowhere else."""

from console.frame.page import ConsolePage
from console.pages import (
    audit,
    data,
    lead,
    lead_overrides,
    leads,
    models,
    monitoring,
    operate,
    policies,
    policy_edit,
    report_files,
    rollouts,
    value,
    workflow,
)

PAGES: tuple[ConsolePage, ...] = (
    *leads.PAGES,
    *lead.PAGES,
    *lead_overrides.PAGES,
    *models.PAGES,
    *rollouts.PAGES,
    *policies.PAGES,
    *policy_edit.PAGES,
    *workflow.PAGES,
    *value.PAGES,
    *monitoring.PAGES,
    *report_files.PAGES,
    *data.PAGES,
    *audit.PAGES,
    *operate.PAGES,
)
