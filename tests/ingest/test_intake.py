"""From a parsed item to the mailbox: named by what was sent, labelled, and sealed."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from proto.v1 import content_pb2, inbound_pb2
from proto.v1.inbound_pb2 import AutoKind, DeliveryState, MessageKind, QuarantineReason
from services.ingest.channels import (
    Address,
    Ignored,
    Item,
    ParsedAttachment,
    ParsedChange,
    ParsedDelivery,
    ParsedMessage,
    Unparseable,
)
from services.ingest.channels.email import parse
from services.ingest.intake import EXCERPT_CHARS
from services.ingest.parts import message_names, plain_of, route_of
from services.ingest.schemas import OrderCustomer
from services.kernel.errors import Busy, Invalid
from services.kernel.external_ids import external_hash
from services.kernel.limits import BATCH_BYTES_MAX, CONTENT_BYTES_MAX, RECORD_BYTES_MAX
from services.kernel.reply_token import reply_address
from tests.ingest.edge import DESK, MAIL, Edge, desk

MESSAGE = ParsedMessage(
    channel="chat",
    account="www",
    external_id="visit-77-message-1",
    senders=(Address("chat", "visitor-Wiśniewska"),),
    name="Anna Wiśniewska",
    thread="visit-77",
    reply_to=("visit-77-message-0",),
    subject="Rower górski",
    text="Dzień dobry, gdzie jest moja paczka?",
    sent_at_ms=1_767_225_600_000,
    attributes={"topic": "dostawa", "note": "sekret"},
)


async def only_message(edge: Edge) -> inbound_pb2.ChannelMessage:
    """The message of the only record."""
    [record] = await edge.records()
    return record.message


async def content_of(edge: Edge, message: inbound_pb2.ChannelMessage) -> content_pb2.MessageContent:
    """What was sealed."""
    content = await edge.sealing.open(message.content, content_pb2.MessageContent)
    assert content is not None
    return content


async def test_a_message_is_stored_with_all_it_says() -> None:
    """Ids, hashes, labels and sealed parts of one message stand in its record."""
    edge = Edge()
    names = await edge.intake.submit_message(DESK, MESSAGE, "00-trace")
    [record] = await edge.records()
    message, key = record.message, edge.sealing.desk_key(DESK)
    assert (record.desk_id, record.record_id, record.traceparent) == (DESK, names.record_id, "00-trace")
    assert message.message_id == names.message_id
    assert message.kind == MessageKind.MESSAGE_KIND_NEW
    assert list(message.identity_hashes) == [edge.sealing.identity_hash(DESK, "chat", "visitor-Wiśniewska")]
    assert list(message.identity_channels) == ["chat"]
    assert list(message.reference_hashes) == [external_hash(key, "chat", "www", "visit-77-message-0")]
    assert len(message.thread_hash) == 16
    assert (message.language, message.intent, message.mood, message.wants_human) == ("pl", "", "", False)
    assert dict(message.attributes) == {"topic": "dostawa"}
    content = await content_of(edge, message)
    assert (content.text, content.subject, content.author) == (MESSAGE.text, MESSAGE.subject, MESSAGE.name)
    assert dict(content.attributes) == {"note": "sekret"}
    route = await edge.sealing.open(message.route, content_pb2.MessageRoute)
    assert route is not None
    assert (route.address, route.external_id, route.thread) == (
        "visitor-Wiśniewska",
        "visit-77-message-1",
        "visit-77",
    )
    identity = await edge.sealing.open(message.identities[0], content_pb2.IdentityContent)
    assert identity is not None
    assert (identity.channel, identity.address, identity.name) == ("chat", "visitor-Wiśniewska", MESSAGE.name)


async def test_nothing_personal_can_be_read_in_the_log() -> None:
    """No word, name, address, subject, file name or provider's id stands in the record as it was."""
    edge = Edge()
    attachment = ParsedAttachment("umowa-Wiśniewska.pdf", "application/pdf", b"TAJNE")
    await edge.intake.submit_message(DESK, replace(MESSAGE, attachments=(attachment,), raw=b"CALY-LIST"))
    mail = parse(
        b"From: Anna <anna@klient.example>\nMessage-ID: <id-1@k>\n\nHaslo", MAIL, "anna@klient.example"
    )
    await edge.intake.submit_all(DESK, mail)
    raw = b"".join(await edge.raw_records())
    for secret in (
        "paczka",
        "Wiśniewska",
        "visit-77",
        "górski",
        "sekret",
        "umowa",
        "anna",
        "id-1@k",
        "Haslo",
    ):
        assert secret.encode() not in raw
    assert all(
        secret not in data for data in edge.blobs._blobs.values() for secret in (b"TAJNE", b"CALY-LIST")
    )


async def test_the_same_message_has_the_same_names() -> None:
    """Sent again, a message gets the same ids; another account, id or desk gives others."""
    edge = Edge()
    first = await edge.intake.submit_message(DESK, MESSAGE)
    assert await edge.intake.submit_message(DESK, replace(MESSAGE, text="inaczej")) == first
    others = [
        replace(MESSAGE, account="sklep"),
        replace(MESSAGE, external_id="2"),
        replace(MESSAGE, channel="x"),
    ]
    assert first not in [await edge.intake.submit_message(DESK, other) for other in others]
    assert first != await edge.intake.submit_message("inny", MESSAGE)


def test_a_mail_is_named_by_its_sender_and_body_too() -> None:
    """A repeated or forged Message-ID with another sender or other words is another mail."""
    raw = b"From: {who}\nMessage-ID: <1@x>\n\n{words}"

    def named(who: bytes, words: bytes) -> str:
        mail = parse(raw.replace(b"{who}", who).replace(b"{words}", words), MAIL, "")[0]
        assert isinstance(mail, ParsedMessage)
        return message_names(b"k", mail).message_id

    assert named(b"a@x.example", b"x") == named(b"A@X.example", b"x")
    assert len({named(b"a@x.example", b"x"), named(b"b@x.example", b"x"), named(b"a@x.example", b"y")}) == 3


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"language": "en", "intent": "complaint", "mood": "angry"}, ("en", "complaint", "angry", False)),
        ({"wants_human": "true"}, ("pl", "", "", True)),
        ({"language": "xx"}, ("pl", "", "", False)),
        ({}, ("pl", "", "", False)),
    ],
)
async def test_the_senders_word_wins_over_a_classifier(
    attributes: dict[str, str], expected: tuple[str, str, str, bool]
) -> None:
    """An attribute named like a label is the label; without it the classifier's word counts, or none. What is
    no language is no such label."""
    edge = Edge()
    await edge.intake.submit_message(DESK, replace(MESSAGE, attributes=attributes))
    message = await only_message(edge)
    assert (message.language, message.intent, message.mood, message.wants_human) == expected


async def test_free_words_are_no_labels() -> None:
    """A label stands in the plain if it is on the closed list or the desk names it; else it is sealed."""
    edge = Edge()
    edge.desks.desk.queues.add().when.any.add(field="intent", values=["warranty"])
    edge.desks.desk.sla.add().when.any.add(field="mood", values=["furious"])
    said = {"language": "Jan Kowalski", "intent": "jan@example.org", "mood": "+48600100200"}
    await edge.intake.submit_message(DESK, replace(MESSAGE, attributes=said))
    named = {"language": "pt-BR", "intent": "warranty", "mood": "furious"}
    await edge.intake.submit_message(DESK, replace(MESSAGE, external_id="2", attributes=named))
    first, second = [record.message for record in await edge.records()]
    assert (first.language, first.intent, first.mood) == ("pl", "", "")
    assert dict((await content_of(edge, first)).attributes) == said
    assert (second.language, second.intent, second.mood) == ("pt-BR", "warranty", "furious")
    assert not (await content_of(edge, second)).attributes


@pytest.mark.parametrize(("tag", "is_one"), [("", True), ("pt-BR", True), ("ceb", True), ("xx", False)])
def test_an_orders_customer_speaks_a_language(tag: str, is_one: bool) -> None:
    """An order may leave it out; a code that no language has is refused in words that say what is right."""
    customer = {"addresses": [{"channel": "email", "address": "a@b.pl"}], "language": tag}
    if is_one:
        assert OrderCustomer.model_validate(customer).language == tag
        return
    with pytest.raises(ValidationError, match="ISO 639-1"):
        OrderCustomer.model_validate(customer)


async def test_a_record_that_fits_no_batch_is_refused() -> None:
    """What ingest would have to skip is refused at the edge, named, and nothing is appended."""
    edge = Edge()
    unparsed = inbound_pb2.Unparsed(detail="x" * RECORD_BYTES_MAX)
    with pytest.raises(Invalid, match=f"unparsed makes .* {RECORD_BYTES_MAX}"):
        await edge.intake.submit(inbound_pb2.Inbound(desk_id=DESK, unparsed=unparsed))
    assert await edge.records() == []


async def test_only_people_ask_for_humans() -> None:
    """The wish is heard in a message that a person wrote, not in an auto-reply."""
    for kind, heard in ((AutoKind.AUTO_KIND_NONE, True), (AutoKind.AUTO_KIND_AUTO_REPLY, False)):
        edge = Edge()
        await edge.intake.submit_message(DESK, replace(MESSAGE, text="Human please", auto_kind=kind))
        assert (await only_message(edge)).wants_human is heard


def test_what_conditions_name_stands_in_the_plain() -> None:
    """What queues, SLA policies and the weights of routing ask for is what may stand in the plain."""
    configured = desk()
    configured.sla.add().when.any.add(field="attributes.tier", values=["vip"])
    configured.sla.add().when.any.add(field="intent", values=["x"])
    weighed = configured.routing.weights.add().when
    weighed.any.add(field="attributes.basket", values=["large"])
    weighed.any.add(field="mood", values=["in a hurry"])
    plain = plain_of(configured)
    assert plain.attributes == {"topic", "tier", "basket"}
    assert plain.label("intent", "x") == "x"
    assert plain.label("mood", "in a hurry") == "in a hurry"
    assert plain.label("mood", "free words") == ""


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("pl-PL", "pl"),
        ("pl_PL", "pl"),
        ("PL", "pl"),
        ("pt", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("de-AT", "de-AT"),
        ("zz", ""),
    ],
)
def test_a_language_is_meant_as_the_desk_writes_it(said: str, label: str) -> None:
    """A tag in other letters, or with a region that the desk does not know, is the desk's own tag; one that
    the desk does not have stays as it is, and what is no language is no label."""
    configured = desk()
    configured.languages.append("pt-BR")
    assert plain_of(configured).label("language", said) == label


async def test_files_raw_mails_and_long_texts_are_blobs() -> None:
    """Bytes lie sealed beside the log; the record keeps an excerpt and says where the whole is."""
    edge = Edge()
    long = "ż" * CONTENT_BYTES_MAX
    attachments = (
        ParsedAttachment("a.txt", "text/plain", b"plik"),
        ParsedAttachment("b", "x/y", provider_ref="p"),
    )
    await edge.intake.submit_message(DESK, replace(MESSAGE, text=long, attachments=attachments, raw=b"raw"))
    message = await only_message(edge)
    assert message.ByteSize() < CONTENT_BYTES_MAX
    content = await content_of(edge, message)
    assert content.text == long[:EXCERPT_CHARS]
    assert await edge.blob(content.attachments[0].blob) == b"plik"
    assert (content.attachments[1].blob, content.attachments[1].provider_ref) == ("", "p")
    assert await edge.blob(content.raw_blob) == b"raw"
    full = await edge.blob(content.full_blob)
    assert full is not None
    assert content_pb2.MessageContent.FromString(full).text == long


async def test_html_is_made_safe_and_read() -> None:
    """Scripts never reach the record; HTML without a text beside it gives the text."""
    edge = Edge()
    html = "<p>Gdzie paczka?</p><script>alert(1)</script>"
    await edge.intake.submit_message(DESK, replace(MESSAGE, text="", html=html))
    content = await content_of(edge, await only_message(edge))
    assert (content.text, content.html) == ("Gdzie paczka?", "<p>Gdzie paczka?</p>")


async def test_each_identity_is_sealed_under_its_own_key() -> None:
    """Forgetting one identity leaves the other; forgetting the first takes the words with it."""
    edge = Edge()
    senders = (Address("whatsapp", "PL.77"), Address("whatsapp", "+48500600700"))
    await edge.intake.submit_message(DESK, replace(MESSAGE, senders=senders))
    message = await only_message(edge)
    assert len(set(message.identity_hashes)) == 2
    await edge.sealing.erase(DESK, [message.identity_hashes[0]])
    assert await edge.sealing.open(message.content, content_pb2.MessageContent) is None
    assert await edge.sealing.open(message.identities[0], content_pb2.IdentityContent) is None
    assert await edge.sealing.open(message.identities[1], content_pb2.IdentityContent) is not None


async def test_a_change_names_what_it_changes_first() -> None:
    """An edit is a record of its own whose first reference is the message that it edits."""
    edge = Edge()
    edit = ParsedChange(
        MessageKind.MESSAGE_KIND_EDIT, "visit-77-message-1", replace(MESSAGE, external_id="e")
    )
    await edge.intake.submit_all(DESK, [edit])
    message, key = await only_message(edge), edge.sealing.desk_key(DESK)
    assert message.kind == MessageKind.MESSAGE_KIND_EDIT
    assert message.reference_hashes[0] == external_hash(key, "chat", "www", "visit-77-message-1")
    assert message.external_hash == external_hash(key, "chat", "www", "e")


async def test_an_empty_id_names_nothing() -> None:
    """A mail without a Message-ID, and references without anything between their brackets, have no hashes: a
    hash of nothing would lead from any such mail to any other."""
    edge = Edge()
    mail = replace(
        MESSAGE, channel="email", account=MAIL, external_id="<>", reply_to=("< >", "<\t>", "<a@b>")
    )
    await edge.intake.submit_message(DESK, mail)
    message = await only_message(edge)
    assert message.external_hash == b""
    key = edge.sealing.desk_key(DESK)
    assert list(message.reference_hashes) == [external_hash(key, "email", MAIL, "a@b")]


async def test_a_reply_token_names_the_conversation() -> None:
    """An address with our token among the recipients names its conversation; a forged one does not."""
    edge = Edge()
    conversation = "c" + "a" * 32
    good = reply_address(edge.sealing.desk_key(DESK), conversation, MAIL)
    for address, expected in ((good, conversation), (good.replace("aaa", "bbb", 1), "")):
        edge = Edge()
        await edge.intake.submit_message(DESK, replace(MESSAGE, recipients=("x@y", address)))
        assert (await only_message(edge)).reply_conversation_id == expected


async def test_a_delivery_report_is_one_record_however_often_it_comes() -> None:
    """The same state of the same message is the same record; another state is another. Our id for the send
    goes along."""
    edge = Edge()
    report = ParsedDelivery("whatsapp", "48221", "wamid.1", DeliveryState.DELIVERY_STATE_SENT, "", 5, "s1")
    first = await edge.intake.submit_delivery(DESK, report)
    assert await edge.intake.submit_delivery(DESK, replace(report, at_ms=6)) == first
    assert (
        await edge.intake.submit_delivery(DESK, replace(report, state=DeliveryState.DELIVERY_STATE_READ))
        != first
    )
    record = (await edge.records())[0].delivery
    key = edge.sealing.desk_key(DESK)
    assert record.provider_id_hash == external_hash(key, "whatsapp", "48221", "wamid.1")
    assert record.send_id == "s1"


async def test_what_nobody_sent_goes_to_quarantine() -> None:
    """A message without a sender, and what could not be parsed, keep their raw bytes under the day's key."""
    edge = Edge()
    names = await edge.intake.submit_message(DESK, replace(MESSAGE, senders=(), raw=b"Subject: x"))
    assert names.message_id == ""
    large = Unparseable(QuarantineReason.QUARANTINE_REASON_MALFORMED, "not JSON", "/x", b"{" * 100_000)
    await edge.intake.submit_unparsed(DESK, "telegram", "bot", large)
    small, blob = [record.unparsed for record in await edge.records()]
    assert small.reason == blob.reason == QuarantineReason.QUARANTINE_REASON_MALFORMED
    raw = await edge.sealing.open(small.raw, content_pb2.RawContent)
    assert raw is not None
    assert raw.body == b"Subject: x"
    raw = await edge.sealing.open(blob.raw, content_pb2.RawContent)
    assert raw is not None
    assert await edge.blob(raw.blob) == large.raw
    assert blob.detail == "/x not JSON"


async def test_all_items_of_a_request_land_together_or_not_at_all() -> None:
    """One append for everything: if it fails, nothing is there, and the caller hears of it."""
    edge = Edge()
    items: list[Item] = [MESSAGE, Ignored("x"), replace(MESSAGE, external_id="2")]
    edge.log.failures.append(Busy("full"))
    with pytest.raises(Busy):
        await edge.intake.submit_all(DESK, items)
    assert await edge.records() == []
    assert len(await edge.intake.submit_all(DESK, items)) == 2
    assert await edge.intake.submit_all(DESK, [Ignored("x")]) == []


def test_how_to_answer_stays_small() -> None:
    """A hundred notices of one shipment stand in one batch, each with its customer's route: however long a
    mail's References are, the newest of them are kept, in order."""
    references = tuple(f"<{number:02}{'r' * 980}@x>" for number in range(50))
    mail = replace(MESSAGE, external_id=references[-1], subject="ż" * 998, references=references)
    route = route_of(mail)
    assert 100 * (route.ByteSize() + 1_000) < BATCH_BYTES_MAX
    assert route.references == list(references[-4:])
    usual = tuple(f"<{number}@mail.example>" for number in range(50))
    assert route_of(replace(mail, references=usual)).references == list(usual)


async def test_a_message_from_nowhere_is_refused() -> None:
    """A message must say on which channel and account it came."""
    with pytest.raises(Invalid) as caught:
        await Edge().intake.submit_message(DESK, replace(MESSAGE, channel="", account="x" * 300))
    assert [problem.pointer for problem in caught.value.problems] == ["/channel", "/account"]


async def test_a_message_costs_little() -> None:
    """Hashing, labelling and sealing an ordinary message stays far below a millisecond of CPU."""
    edge = Edge()
    await edge.intake.submit_message(DESK, MESSAGE)
    began = time.process_time()
    for number in range(200):
        await edge.intake.submit_message(DESK, replace(MESSAGE, external_id=str(number)))
    assert (time.process_time() - began) / 200 < 0.001
