// What the browser alone can do for a new session: ask its wallet (EIP-1193), and take a secret into the clipboard or a file.
window.valetkeyWallet = async ({ method, params, account, chainId }) => {
  const wallet = window.ethereum;
  if (!wallet) return { error: "There is no wallet in this browser." };
  try {
    const accounts = await wallet.request({ method: "eth_requestAccounts" });
    if (account && !accounts.some((one) => one.toLowerCase() === account.toLowerCase()))
      return { error: `The wallet shows ${accounts[0] || "no account"}; choose ${account} there, which is the owner.` };
    if (chainId && (await wallet.request({ method: "eth_chainId" })) !== chainId)
      await wallet.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
    return { result: await wallet.request({ method, params }) };
  } catch (error) {
    return { error: error && error.code === 4001 ? "You said no in the wallet." : String((error && error.message) || error) };
  }
};
window.valetkeyCopy = async (id, said) => {
  const field = document.getElementById(id);
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    field.select();
    document.execCommand("copy");
  }
  document.getElementById(said).textContent = "Copied.";
};
window.valetkeySave = (id, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById(id).value + "\n"], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
// Where the keyboard goes on, once what was changed is on the page.
window.valetkeyFocus = (id) => setTimeout(() => {
  const at = document.getElementById(id);
  at?.closest("details")?.setAttribute("open", "");
  at?.focus();
}, 30);
