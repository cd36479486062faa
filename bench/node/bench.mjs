// The same work as bench/crypto.py in the libraries that TypeScript clients use. Prints {name: operations per second}.
import { createHmac, timingSafeEqual } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { randomBytes } from "@noble/hashes/utils.js";
import { privateKeyToAccount } from "viem/accounts";

const RUNS = 5;
const RUN_MS = 200;
const typed = JSON.parse(process.argv[2]);
const text = new TextEncoder().encode(JSON.stringify({ text: "a".repeat(1_000) }));
const info = new TextEncoder().encode("abba-e2e-v1-enc");
const key = () => {
  const secret = secp256k1.utils.randomSecretKey();
  return { secret, public: secp256k1.getPublicKey(secret, true) };
};
const [ours, theirs] = [key(), key()];
const x = (a, b) => secp256k1.getSharedSecret(a, b).slice(1);
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const raw = { prehash: false };

function encrypt() {
  const once = key();
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const shared = joined(x(once.secret, theirs.public), x(ours.secret, theirs.public));
  const ct = gcm(hkdf(sha256, shared, salt, info, 32), iv).encrypt(text);
  return { epk: once.public, salt, iv, ct, sig: secp256k1.sign(sha256(ct), ours.secret, raw) };
}

function decrypt(found) {
  const shared = joined(x(theirs.secret, found.epk), x(theirs.secret, ours.public));
  const opened = gcm(hkdf(sha256, shared, found.salt, info, 32), found.iv).decrypt(found.ct);
  if (!secp256k1.verify(found.sig, sha256(found.ct), ours.public, raw)) throw new Error("unsigned");
  return opened;
}

const digest = keccak_256(text);
const whole = secp256k1.getPublicKey(ours.secret, false);
const recoverable = secp256k1.sign(digest, ours.secret, { ...raw, format: "recovered" });
const account = privateKeyToAccount("0x" + Buffer.from(ours.secret).toString("hex"));
const sealed = encrypt();
const body = Buffer.from("{}".repeat(500));
const mac = createHmac("sha256", "whsec_0").update("0.").update(body).digest();
const work = {
  "session keys: wallet and encryption key": () => [key(), key()],
  "session key hash": () => keccak_256(whole),
  "envelope: encrypt and sign 1 kB": encrypt,
  "envelope: decrypt and verify 1 kB": () => decrypt(sealed),
  "sign a digest": () => secp256k1.sign(digest, ours.secret, { ...raw, format: "recovered" }),
  "recover a signer": () => secp256k1.recoverPublicKey(recoverable, digest, raw),
  "webhook: verify 1 kB": () =>
    timingSafeEqual(mac, createHmac("sha256", "whsec_0").update("0.").update(body).digest()),
  "typed data: sign (EIP-712)": () => account.signTypedData(typed),
};

const told = {};
for (const [name, once] of Object.entries(work)) {
  for (let warm = performance.now() + RUN_MS; performance.now() < warm; ) await once();
  const rates = [];
  for (let run = 0; run < RUNS; run++) {
    const began = performance.now();
    let count = 0;
    for (; performance.now() - began < RUN_MS; count++) await once();
    rates.push((count * 1_000) / (performance.now() - began));
  }
  told[name] = rates.sort((a, b) => a - b)[RUNS >> 1];
}
console.log(JSON.stringify(told));
