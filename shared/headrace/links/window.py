"""Whether a prompt, with the largest retrieval that is bound into it, fits the window of every model of its chain."""

from collections.abc import Iterator
from typing import NamedTuple

from headrace.expression import compile_expression
from headrace.expression.tree import Member, Name
from headrace.fault import Fault
from headrace.links.known import Known, Model, Question
from headrace.links.texts import fixed_messages
from headrace.prompting import BYTES_PER_TOKEN, FORMULA, estimated_question
from headrace.resource.prompt import Parameters


class Retrieval(NamedTuple):
    """What a search may put into a prompt: so many passages, each of so many characters at the most."""

    node: str
    passages: int
    characters: int

    @property
    def tokens(self) -> int:
        """Tokens of it all, about."""
        return self.passages * -(-self.characters // BYTES_PER_TOKEN)


def window_faults(known: Known) -> Iterator[Fault]:
    """Prompts that can't be asked, or not with the largest retrieval, in any model of the chain that is too small."""
    for question in known.questions:
        if question.prompt:
            spec = question.prompt.spec
            own = estimated_question(fixed_messages(known, spec), spec.parameters)
            largest = list(_retrievals(known, question))
            for model in question.models:
                yield from _faults(question, model, own, largest)


def answer_tokens(parameters: Parameters, model: Model) -> int:
    """Tokens that a model may answer with."""
    return min(parameters.max_output_tokens, model.spec.limits.max_output_tokens)


def _retrievals(known: Known, question: Question) -> Iterator[Retrieval]:
    """Whole results of searches that are bound into the prompt, unless the node leaves out what does not fit."""
    if question.config.on_overflow != "fail":
        return
    for text in question.spec.input.values():
        match compile_expression(text).tree:  # whether it hands on all that a search has found
            case Member(Member(Name("nodes"), node), "output") | Member(
                Member(Member(Name("nodes"), node), "output"), "passages"
            ):
                search = known.searches.get(node)
                if search and search.collection in known.collections.passages:
                    yield Retrieval(node, search.top_k, known.collections.passages[search.collection])


def _faults(question: Question, model: Model, own: int, largest: list[Retrieval]) -> Iterator[Fault]:
    assert question.prompt
    title, spec = question.prompt
    limits, answer = model.spec.limits, answer_tokens(spec.parameters, model)
    room = limits.context_window - limits.reserved_tokens - answer
    needed = own + sum(one.tokens for one in largest)
    if needed <= room:
        return
    parts = "".join(f" and {one.tokens} for {one.passages} passages of node {one.node}" for one in largest)
    message = (
        f"prompt {title} takes about {own} tokens ({FORMULA}){parts}, and {model} has room for {room}: context_window "
        f"{limits.context_window} less reserved_tokens {limits.reserved_tokens} less {answer} for the answer; the "
        "attempt fails with context_window_exceeded"
    )
    shorter = "lower top_k or chunk_chars, set on_overflow: drop_lowest_documents" if largest else "shorten the prompt"
    hint = f"{shorter}, lower max_output_tokens, or name a model with a larger window"
    yield Fault("window_too_small", ("nodes", question.node, "config", "model"), message, hint)
