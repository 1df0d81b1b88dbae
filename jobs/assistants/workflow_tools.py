"""Tools about the workflow of leads: where it stands, and what a lead's owner does."""

from dataclasses import dataclass

import msgspec

from config.settings import Settings
from jobs.assistants import questions
from jobs.assistants.answers import WorkflowStatus
from jobs.assistants.caller import ToolCaller
from jobs.assistants.masking import Masking
from jobs.workflow.home import home_now_us
from jobs.workflow.overview import WorkflowOverview, opened_workflow, workflow_overview
from jobs.workflow.people import act, standing
from workflow.actions import LeadAction, LeadStanding

MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class WorkflowTools:
    """The tools on one home, as one caller sees it."""

    settings: Settings
    caller: ToolCaller
    masking: Masking

    def workflow_status(self, question: questions.AskWorkflow) -> WorkflowStatus:
        """Raises Missing for a lead that the workflow does not know, or before it has begun."""
        overview = workflow_overview(
            self.settings, within_h=question.within_hours, most=MOST_LISTED
        )
        lead = None
        if question.lead_id is not None:
            store = opened_workflow(self.settings)
            lead = standing(store, store.get(question.lead_id))
        return WorkflowStatus(overview=_bounded(overview), lead=lead)

    def accept_lead(self, question: questions.ActOnLead) -> LeadStanding:
        """Raises Missing, BadInput, Refused where the lead's state does not take it."""
        return self._act("accept", question)

    def reject_lead(self, question: questions.ActOnLead) -> LeadStanding:
        """Raises Missing, BadInput, Refused where the lead's state does not take it."""
        return self._act("reject", question)

    def _act(self, action: str, question: questions.ActOnLead) -> LeadStanding:
        wanted = LeadAction(
            lead_id=question.lead_id,
            action=action,
            reason=self.masking.text(question.reason),
            request_id=question.request_id,
        )
        now_us = home_now_us(self.settings)
        name = self.caller.credential
        return act(opened_workflow(self.settings), wanted, now_us, by=name, credential=name)


def _bounded(overview: WorkflowOverview) -> WorkflowOverview:
    return msgspec.structs.replace(
        overview,
        owners=overview.owners[:MOST_LISTED],
        queues=overview.queues[:MOST_LISTED],
    )
