// The door's script: a sign-in that the wallet in the browser signs (EIP-1193, EIP-4361), and the address that works once.
const form = document.getElementById("wallet");
const problem = document.getElementById("problem");
const button = form.querySelector("button");
const say = (text) => {
  problem.textContent = text;
  problem.hidden = !text;
};
const ask = async (path, fields) => {
  const { form: word, next } = form.elements;
  const body = new URLSearchParams({ form: word.value, next: next.value, ...fields });
  let told = {};
  try {
    const answer = await fetch(path, { method: "POST", body, redirect: "error" });
    told = await answer.json();
  } catch {
    told = { problem: "The studio does not answer." };
  }
  if (told.problem) throw new Error(told.problem);
  return told;
};
const hex = (text) => "0x" + Array.from(new TextEncoder().encode(text), (one) => one.toString(16).padStart(2, "0")).join("");
// Instead of the door: going back does not lead to it.
const go = ({ place }) => location.replace(place);
const byWallet = async () => {
  const wallet = window.ethereum;
  if (!wallet) throw new Error("There is no wallet in this browser.");
  const [address] = await wallet.request({ method: "eth_requestAccounts" });
  if (!address) throw new Error("The wallet shows no account.");
  const chain = String(parseInt(await wallet.request({ method: "eth_chainId" }), 16));
  const { message } = await ask("/sign-in/message", { address, chain, may: form.elements.may.value });
  const signature = await wallet.request({ method: "personal_sign", params: [hex(message), address] });
  go(await ask("/sign-in/wallet", { message, signature }));
};
const once = (doing) => async () => {
  if (button.disabled) return;
  button.disabled = true;
  say("");
  try {
    await doing();
  } catch (error) {
    say(error && error.code === 4001 ? "You said no in the wallet." : String((error && error.message) || error));
  }
  button.disabled = false;
};
const byAddress = () => {
  const token = location.hash.slice(1);
  if (!token) return;
  // Gone from the address before it is used, so that neither history nor a bookmark has it.
  history.replaceState(null, "", location.pathname + location.search);
  once(async () => go(await ask("/sign-in/once", { token })))();
};
form.addEventListener("submit", (event) => {
  event.preventDefault();
  once(byWallet)();
});
form.hidden = false;
window.addEventListener("hashchange", byAddress);
byAddress();
