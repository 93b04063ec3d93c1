"""What an adapter sends: its options as they are declared, pictures within its limits, the key in one header."""

from __future__ import annotations

from tryon.choices import Category, Operation
from tryon.images.probe import probe
from tryon.providers.base import Capability, ImageInput
from tryon.providers.hosted import HostedProvider
from tryon.testing import expect
from tryon.testing.pictures import heavy, jpeg, labelled, sent_pictures
from tryon.testing.samples import same
from tryon.testing.scripted import Scripted

BEYOND = 100  # pixels over a limit


class SendingRules(Scripted):
    def test_every_option_is_sent_as_declared(self) -> None:
        for provider, operation, version in self.variants():
            for context, option in self.contexts(operation, provider):
                for value in self.values(option) if option.sent else ():
                    self.server.answers(self.accepted(operation, version))
                    provider.submit(self.request(operation, options={**context, option.name: value}))
                    sent = self.sent(self.server.last)
                    where = f"{operation.value} {version}: option {option.name}={value!r}"
                    expect.that(option.name in sent, f"{where} is sent")
                    found = sent[option.name]
                    expect.that(same(found, value), f"{where} is sent as it is, not as {found!r}")

    def test_defaults_are_sent_as_declared(self) -> None:
        for provider, operation, version in self.variants():
            for context, option in self.contexts(operation, provider):
                if not option.sent or option.default is None or option.name in context:
                    continue
                self.server.answers(self.accepted(operation, version))
                category = None if self.category_is_optional else Category.UPPER
                provider.submit(self.request(operation, options=context, category=category))
                found = self.sent(self.server.last).get(option.name)
                where = f"{operation.value} {version}: the default of {option.name} is sent"
                expect.that(same(found, option.default), f"{where}: {found!r} instead of {option.default!r}")

    def test_defaults_of_the_settings_are_used_and_requests_go_over_them(self) -> None:
        for provider, operation, version in self.variants():
            for context, option in self.contexts(operation, provider):
                values = [value for value in self.values(option) if value != option.default]
                if not option.sent or not values or option.name in context:
                    continue
                again = self.make(self.server, version, options={option.name: values[0]})
                other = next((value for value in self.values(option) if value != values[0]), values[0])
                for options, wanted in ((context, values[0]), ({**context, option.name: other}, other)):
                    self.server.answers(self.accepted(operation, version))
                    again.submit(self.request(operation, options=options))
                    where = f"{operation.value} {version}: {option.name} of the settings and of the request"
                    found = self.sent(self.server.last).get(option.name)
                    expect.that(same(found, wanted), f"{where}: {found!r} instead of {wanted!r}")
                break

    def test_the_key_is_sent_in_its_header_only(self) -> None:
        for provider, operation, version in self.variants():
            self.server.answers(self.accepted(operation, version))
            provider.submit(self.minimal(provider, operation))
            seen = self.server.last
            expect.that(self.authorised(seen), "the key is sent as the API wants it")
            seen.headers.pop(self.backend.key_header[0].lower())
            expect.that(seen.headers.get("user-agent", "").startswith("django-tryon/"), "the User-Agent is ours")
            expect.absent(self.key, f"{seen.path}{seen.query}{seen.headers}", "the key is in its header only")
            expect.that(self.key.encode() not in seen.data, "the key is not in the body")

    def test_a_path_prefix_is_kept(self) -> None:
        for version in self.backend.api_versions:
            provider = self.make(self.server, version, base_url=f"{self.server.url}/some/prefix")
            operation = next(iter(provider.capabilities))
            self.server.answers(self.accepted(operation, version))
            provider.submit(self.minimal(provider, operation))
            expect.that(self.server.last.path.startswith("/some/prefix/"), "base_url may carry a path")

    # ------------------------------------------------------------ pictures

    def test_large_pictures_are_shrunk(self) -> None:
        for provider, operation, version in self.variants():
            capability = provider.capabilities[operation]
            for name in capability.inputs:
                for picture in _too_large(capability):
                    self.server.answers(self.accepted(operation, version))
                    provider.submit(self.minimal(provider, operation, **{name: picture}))
                    found = sent_pictures(self.server.last)
                    expect.that(found, f"{operation.value} {version}: {name} is sent")
                    for sent in found:
                        _check(capability, sent, f"{operation.value} {version}: {name}")

    def test_a_picture_within_the_limits_is_sent_as_it_is(self) -> None:
        for provider, operation, version in self.variants():
            for name in provider.capabilities[operation].inputs:
                self.server.answers(self.accepted(operation, version))
                request = self.minimal(provider, operation)
                provider.submit(request)
                rule = f"{operation.value} {version}: the bytes of {name} are sent unchanged"
                expect.that(request.image(name).data in [sent.data for sent in sent_pictures(self.server.last)], rule)

    def test_pictures_that_can_not_do_are_refused(self) -> None:
        for provider, operation, version in self.variants():
            capability = provider.capabilities[operation]
            for name in capability.inputs:
                where = f"{operation.value} {version}: {name}"
                self._check_smallest(provider, operation, version, name)
                wrong = {"image/jpeg", "image/png", "image/webp", "image/gif"} - capability.mimes
                for mime in sorted(wrong):
                    picture = labelled(jpeg(640, 640), mime)
                    error = self.refused(provider, self.minimal(provider, operation, **{name: picture}), where)
                    expect.equal(error.code, "unsupported_image_format", f"{where} of type {mime}")
            if capability.upright_person and "person" in capability.inputs:
                rule = f"{operation.value} {version}: a person wider than tall is refused"
                request = self.minimal(provider, operation, person=jpeg(800, 600))
                expect.equal(self.refused(provider, request, rule).code, "aspect_ratio", rule)
            self.nothing_was_sent("a picture that can't do is refused before anything is sent")

    def _check_smallest(self, provider: HostedProvider, operation: Operation, version: str, name: str) -> None:
        least = provider.capabilities[operation].min_side
        if not least:
            return
        rule = f"{operation.value} {version}: {name} under {least} pixels is refused"
        error = self.refused(provider, self.minimal(provider, operation, **{name: jpeg(least - 1, 400)}), rule)
        expect.equal((error.code, error.params.get("limit")), ("image_too_small", least), rule)
        self.server.answers(self.accepted(operation, version))
        provider.submit(self.minimal(provider, operation, **{name: jpeg(least, least)}))
        self.server.seen.clear()


def _too_large(capability: Capability) -> list[bytes]:
    found = []
    if capability.max_edge:
        found.append(jpeg(600, capability.max_edge + BEYOND))
    if capability.max_pixels:
        side = int(capability.max_pixels**0.5) + BEYOND
        found.append(jpeg(side, side))
    if capability.max_bytes:
        found.append(heavy(jpeg(640, 640), capability.max_bytes))
    return found


def _check(capability: Capability, sent: ImageInput, where: str) -> None:
    expect.equal(probe(sent.data), (sent.mime, sent.width, sent.height), where)
    if capability.max_edge:
        expect.that(max(sent.width, sent.height) <= capability.max_edge, f"{where}: max_edge {capability.max_edge}")
    if capability.max_pixels:
        expect.that(sent.width * sent.height <= capability.max_pixels, f"{where}: max_pixels {capability.max_pixels}")
    if capability.max_bytes:
        expect.that(len(sent.data) <= capability.max_bytes, f"{where}: max_bytes {capability.max_bytes}")
