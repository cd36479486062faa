"""A sealed bundle between two processes, and a thief who has all but the delegate's identity."""

import pyrage

from tests.attacks.handing import Scene, nothing_leaks, platform, scene

__all__ = ["platform", "scene"]


def test_SECRETS_STAY_SECRET_a_thief_with_the_sealed_text_and_everything_else_has_nothing(
    scene: Scene,
) -> None:
    identity = pyrage.x25519.Identity.generate()
    session = scene.owner.create_session(budget_usdc=10)
    sealed = session.seal(str(identity.to_public()))
    # It went through a file that everybody reads.
    (scene.folder / "in the open.age").write_text(sealed)
    nothing_leaks(scene, session)
    delegate, thief = scene.holder("delegate"), scene.holder("thief")
    # The thief tries what it has, and keys of its own.
    own = str(pyrage.x25519.Identity.generate())
    for given, code in (
        ({}, "bundle_sealed"),
        ({"identity": own}, "bundle_unreadable"),
        ({"passphrase": session.session_id}, "bundle_unreadable"),
    ):
        answer = thief.ask("init", bundle=sealed, **given)
        assert (answer["error"], answer["code"]) == ("BundleError", code)
        assert "abba_session_bundle_ey" not in answer["text"]
    assert thief.ask("spend", amount=1)["error"] in ("NotConfigured", "Unauthenticated")
    assert delegate.ask("init", bundle=sealed, identity=str(identity))["session"] == session.session_id
    spent = delegate.ask("spend", amount=3)
    assert spent["spend"].startswith("hld_")
    # Nothing of it is anywhere, also now that it was opened and used; the identity neither.
    nothing_leaks(scene, session, {"the identity": str(identity)})
    assert session.token.reveal() not in spent["repr"]
    (found,) = scene.owner.list_spends(session=session.session_id).spends
    assert found.spend_id == spent["spend"]


def test_a_childs_sealed_bundle_brings_its_line(scene: Scene) -> None:
    identity = pyrage.x25519.Identity.generate()
    session = scene.owner.create_session(budget_usdc=10)
    child = session.attenuate(2, expiry=600)
    delegate = scene.holder("delegate")
    sealed = child.seal(str(identity.to_public()))
    assert delegate.ask("init", bundle=sealed, identity=str(identity))["session"] == child.session_id
    assert delegate.ask("spend", amount=3)["code"] == "budget_exceeded"
    nothing_leaks(scene, session)
    nothing_leaks(scene, child)
