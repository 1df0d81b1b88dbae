"""The same request reaches two worker processes at the same moment: one decision, told to both."""

from config.settings import Settings
from domain.decisions import PolicyQuestion, RequestKey
from domain.errors import BadInput
from domain.scores import ScoreAnswer
from tests.resilience.conftest import lead_ids
from wiring.scoring import open_scoring


def test_who_comes_second_is_told_what_the_first_was(own_home: Settings) -> None:
    one, other = open_scoring(own_home, live=True), open_scoring(own_home, live=True)
    leads = lead_ids(one, 2)
    once = RequestKey(key="k", asked="a")
    asked = [PolicyQuestion(lead_id=leads[0], request=once)]
    company = [*asked, PolicyQuestion(lead_id=leads[1])]
    both = one.answerer.begin(asked), other.answerer.begin(company)
    (first,) = one.answerer.finish(both[0])
    second, alone = other.answerer.finish(both[1])
    assert isinstance(first, ScoreAnswer)
    assert second == first
    assert isinstance(alone, ScoreAnswer)
    third = other.answerer.begin(
        [PolicyQuestion(lead_id=leads[0], request=RequestKey(key="n", asked="a"))]
    )
    fourth = one.answerer.begin(
        [PolicyQuestion(lead_id=leads[0], request=RequestKey(key="n", asked="b"))]
    )
    (told,) = other.answerer.finish(third)
    (refused,) = one.answerer.finish(fourth)
    assert isinstance(told, ScoreAnswer)
    assert isinstance(refused, BadInput), "the key was another request's"
    assert len(list(one.trail.records())) == 3
