"""Comparing providers: the same brief made by several, judged without knowing whose is whose, then counted.

A comparison is a batch with ``blind`` set whose brief names two or more providers. Its pictures are judged in groups:
the same garment, model, theme and place in the order, once by each provider.

    groups(batch)                      what is compared with what
    nameless(batches, user)            those in which this person must not see yet who made what
    shuffled(group, reviewer)          in an order of this reviewer's own, the same every time
    pick(group, best, good, ...)       one judgement
    standings() / complaints() / advice()   what came of it, and of every other review
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tryon.choices import Operation, Status
from tryon.errors import TryOnError
from tryon.models import LIVE, Batch, BlindPick, EntryState, LedgerEntry, Review, TryOnOutput, TryOnResult
from tryon.studio import permissions, review
from tryon.studio.briefs import THEME_OPTION, WORDS_OPTION
from tryon.studio.log import log
from tryon.studio.money import money

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DAYS = 90  # how far back the standings look
LETTERS = "ABCDEFGHIJKL"
PAID = (EntryState.COMMITTED.value, EntryState.UNCERTAIN.value)
SAID = 3  # reasons, and prompts, named in one line of advice
PROMPT = 60  # letters of a prompt that are shown there


@dataclass(frozen=True, slots=True)
class Group:
    """The pictures that are judged against each other. ``key`` names the group in addresses."""

    key: str
    outputs: tuple[TryOnOutput, ...]

    @property
    def garment(self) -> Any:
        return self.outputs[0].result.garment


# ---------------------------------------------------------------- judging


def groups(batch: Batch) -> list[Group]:
    """Those with pictures of at least two providers, in the order of the batch."""
    found = _grouped([batch.pk], BlindPick.objects.none())
    wanted = [pk for members in found.values() for pk, _judged in members]
    outputs = TryOnOutput.objects.select_related("result__garment", "result__preset_model").in_bulk(wanted)
    return [
        Group("-".join(map(str, _digest(alike))), tuple(outputs[pk] for pk, _judged in members if pk in outputs))
        for (_batch, *alike), members in found.items()
    ]


def _grouped(batches: Collection[UUID], picks: QuerySet[BlindPick]) -> dict[tuple[Any, ...], list[tuple[UUID, bool]]]:
    """(batch, what makes the pictures of a group alike) -> (their keys, whether one of ``picks`` is of it).

    One query, and no pictures loaded.
    """
    made = TryOnOutput.objects.filter(result__batch__in=batches, result__status=Status.SUCCEEDED.value)
    rows = made.exclude(mime__gt="").order_by("result__priority", "result__created_at", "result_id", "position")
    columns = ("pk", "result__batch", "result__provider", "result__garment", "result__preset_model", "result__note")
    found: dict[tuple[Any, ...], list[tuple[UUID, bool]]] = defaultdict(list)
    makers: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    places: Counter[tuple[Any, ...]] = Counter()
    judged = Exists(picks.filter(output=OuterRef("pk")))
    for pk, batch, provider, *alike, is_picked in rows.annotate(judged=judged).values_list(*columns, "judged"):
        place = places[(batch, *alike, provider)]  # the first of each with the first, the second with the second
        places[(batch, *alike, provider)] += 1
        key = (batch, *alike, place)
        found[key].append((pk, is_picked))
        makers[key].add(provider)
    return {key: members for key, members in found.items() if len(makers[key]) > 1}


def nameless(batches: Iterable[Batch | None], user: Any) -> set[UUID]:
    """The comparisons of ``batches`` in which ``user`` must not see yet who made what.

    A name beside one picture gives away the others by their order, so they stay hidden all together: until everything
    is made and this person has judged every group. Who may not judge waits until somebody has.
    """
    keys = {batch.pk for batch in batches if batch and batch.blind}
    if not keys:
        return set()
    live = TryOnResult.objects.filter(batch__in=keys, status__in=LIVE).order_by()
    hidden = set(live.values_list("batch", flat=True).distinct())
    if keys > hidden:
        picks = BlindPick.objects.filter(user=user) if user.has_perm(permissions.REVIEW) else BlindPick.objects.all()
        members = _grouped(keys - hidden, picks)
        hidden |= {batch for (batch, *_alike), some in members.items() if not all(judged for _pk, judged in some)}
    return hidden


def _digest(key: Iterable[Any]) -> tuple[str]:
    return (hashlib.sha256(repr(tuple(key)).encode()).hexdigest()[:16],)


def shuffled(group: Group, user: User) -> list[tuple[str, TryOnOutput]]:
    """(letter, picture): another order for each reviewer, so that a place in the row helps nobody."""

    def place(output: TryOnOutput) -> str:
        return hashlib.sha256(f"{user.pk}:{output.pk.hex}".encode()).hexdigest()

    return list(zip(LETTERS, sorted(group.outputs, key=place), strict=False))


def judged(batch: Batch, user: User) -> set[UUID]:
    """The pictures of a batch that this person has judged."""
    return set(BlindPick.objects.filter(output__result__batch=batch, user=user).values_list("output_id", flat=True))


def is_judged(group: Group, done: Collection[UUID]) -> bool:
    return all(output.pk in done for output in group.outputs)


def pick(group: Group, *, user: User, best: UUID | None, good: Collection[UUID], reasons: Iterable[str] = ()) -> None:
    """Write one judgement; judging again replaces it. ``best`` None: none of them will do.

    What is good is approved, as in any review, unless somebody decided about it before. With ``reasons`` the others
    are rejected for them. Raises TryOnError("invalid").
    """
    keys = {output.pk for output in group.outputs}
    chosen = set(good) | ({best} if best else set())
    if not chosen <= keys:
        raise TryOnError("invalid", "not a picture of this group")
    reviewer = review.Reviewer.staff(user)
    open_ones = [output for output in group.outputs if output.review == Review.TO_REVIEW]
    now = timezone.now()
    with transaction.atomic():
        BlindPick.objects.filter(output__in=keys, user=user).delete()
        BlindPick.objects.bulk_create(
            BlindPick(output=output, user=user, good=output.pk in chosen, best=output.pk == best, at=now)
            for output in group.outputs
        )
        words = _("Judged without names: it is the best."), _("Judged without names: it would do.")
        for outputs, told in ((([best] if best else []), words[0]), (chosen - {best}, words[1])):
            log(user, [one.result for one in group.outputs if one.pk in outputs], told)
        if not chosen:
            log(user, [one.result for one in group.outputs], _("Judged without names: none will do."))
        review.approve([output for output in open_ones if output.pk in chosen], reviewer)
        given = list(reasons)
        if given:
            review.reject([output for output in open_ones if output.pk not in chosen], reviewer, given)


# ---------------------------------------------------------------- counting


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider for one category. ``spent`` counts every call, also those that came to nothing."""

    provider: str
    category: str
    made: int
    judged: int
    approved: int
    spent: Decimal
    score: float | None  # mean fidelity score
    duels: int  # groups judged in blind comparisons
    wins: int

    @property
    def rate(self) -> float | None:
        """Approved of those that somebody judged."""
        return self.approved / self.judged if self.judged else None

    @property
    def per_approved(self) -> Decimal | None:
        return self.spent / self.approved if self.approved else None


def standings(*, batch: Batch | None = None, days: int = DAYS) -> list[Standing]:
    """By provider and category, of one batch or of late: the best approval rate first."""
    since = timezone.now() - timedelta(days=days)
    counts = _counts(batch, since)
    spent = _spent(batch, since)
    found = [
        Standing(
            provider=provider,
            category=category,
            made=row["made"],
            judged=row["judged"],
            approved=row["approved"],
            spent=spent.get((provider, category), Decimal(0)),
            score=row["score"],
            duels=row["duels"],
            wins=row["wins"],
        )
        for (provider, category), row in counts.items()
    ]
    return sorted(found, key=lambda s: (s.category, -(s.rate or 0), s.per_approved or Decimal(0), s.provider))


def _shots(batch: Batch | None, since: datetime) -> QuerySet[TryOnOutput]:
    made = review.reviewable().filter(result__operation=Operation.MODEL_SHOT.value)
    return made.filter(result__batch=batch) if batch else made.filter(result__created_at__gte=since)


def _counts(batch: Batch | None, since: datetime) -> dict[tuple[str, str], dict[str, Any]]:
    picks = BlindPick.objects.filter(output=OuterRef("pk"))
    decided = Q(Q(review__in=[Review.APPROVED.value, Review.REJECTED.value]) | Q(Exists(picks)))
    shots = _shots(batch, since).order_by().values("result__provider", "result__garment__category")
    rows = shots.annotate(
        made=Count("pk"),
        judged=Count("pk", filter=decided),
        approved=Count("pk", filter=Q(review=Review.APPROVED.value)),
        mean=Avg("score"),
    )
    counts = {
        (row["result__provider"], row["result__garment__category"]): {
            "made": row["made"],
            "judged": row["judged"],
            "approved": row["approved"],
            "score": row["mean"],
            "duels": 0,
            "wins": 0,
        }
        for row in rows
    }
    chosen = BlindPick.objects.filter(output__in=_shots(batch, since).values("pk")).order_by()
    by_provider = chosen.values_list("output__result__provider", "output__result__garment__category")
    for provider, category, duels, wins in by_provider.annotate(n=Count("pk"), w=Count("pk", filter=Q(best=True))):
        counts[provider, category] |= {"duels": duels, "wins": wins}
    return counts


def _spent(batch: Batch | None, since: datetime) -> dict[tuple[str, str], Decimal]:
    rows = TryOnResult.objects.filter(pk=OuterRef("result_id"))  # a deleted shot is not counted, nor is its price
    entries = LedgerEntry.objects.filter(
        Exists(rows), operation=Operation.MODEL_SHOT.value, state__in=PAID, shopper_id=None
    )
    entries = entries.filter(batch=batch) if batch else entries.filter(created_at__gte=since)
    sums = entries.order_by().values_list("provider", "category").annotate(total=Sum("amount"))
    return {(provider, category): total for provider, category, total in sums}


@dataclass(frozen=True, slots=True)
class Complaint:
    """A reason of rejection, and how often it was given. ``prompt`` is the theme, the note or the words that the
    pictures were ordered with; often ""."""

    provider: str
    category: str
    prompt: str
    reason: str
    number: int

    @property
    def words(self) -> str:
        return review.words_of([self.reason])[0]


def complaints(*, batch: Batch | None = None, days: int = DAYS) -> list[Complaint]:
    """Reasons of rejection by provider, category and prompt, the most frequent first."""
    refused = _shots(batch, timezone.now() - timedelta(days=days)).filter(review=Review.REJECTED.value)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    columns = ("result__provider", "result__garment__category", "result__note", "result__options", "reasons")
    for provider, category, note, options, reasons in refused.values_list(*columns).iterator(2000):
        prompt = note or str(options.get(THEME_OPTION) or options.get(WORDS_OPTION) or "")
        counts.update((provider, category, prompt, reason) for reason in reasons)
    return [Complaint(*key, number) for key, number in counts.most_common()]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known of one provider, for the page where the next batch is made."""

    provider: str
    rate: float | None
    per_approved: Decimal | None
    words: str


def advice(
    providers: Sequence[str], *, categories: Collection[str] = (), days: int = DAYS, with_money: bool = True
) -> list[Advice]:
    """One line for each provider that has been judged lately, the best first; of these categories, or all of them.

    ``with_money``: for who may see spend.
    """
    known = [
        s for s in standings(days=days) if s.provider in providers and (not categories or s.category in categories)
    ]
    reasons: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for complaint in complaints(days=days):
        if not categories or complaint.category in categories:
            reasons[complaint.provider][complaint.prompt][complaint.words] += complaint.number
    lines = []
    for provider in dict.fromkeys(s.provider for s in known):
        ours = [s for s in known if s.provider == provider]
        judged, approved = sum(s.judged for s in ours), sum(s.approved for s in ours)
        if judged:
            spent = sum((s.spent for s in ours), Decimal(0))
            each = spent / approved if approved else None
            words = _advice_words(judged, approved, each if with_money else None, reasons[provider])
            lines.append(Advice(provider, approved / judged, each, words))
    return sorted(lines, key=lambda line: (-(line.rate or 0), line.per_approved or Decimal(0)))


def _advice_words(judged: int, approved: int, each: Decimal | None, reasons: Mapping[str, Counter[str]]) -> str:
    """``reasons``: by prompt. Those of the prompts that are refused most are named with it."""
    share = number_format(100 * approved / judged, decimal_pos=0)
    words = [
        _("%(approved)d of %(judged)d approved (%(share)s %%)")
        % {"approved": approved, "judged": judged, "share": share}
    ]
    if each is not None and each > 0:
        words.append(_("%(amount)s for each approved picture") % {"amount": money(each)})
    if everything := sum(reasons.values(), Counter()):
        words.append(_("refused for: %(reasons)s") % {"reasons": _most(everything)})
    prompts = sorted(filter(None, reasons), key=lambda prompt: (-reasons[prompt].total(), prompt))
    for prompt in prompts[:SAID]:
        short = prompt if len(prompt) <= PROMPT else f"{prompt[:PROMPT]}…"
        words.append(_("with “%(prompt)s”: %(reasons)s") % {"prompt": short, "reasons": _most(reasons[prompt])})
    return "; ".join(words) + "."


def _most(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} ({number})" for reason, number in reasons.most_common(SAID))
