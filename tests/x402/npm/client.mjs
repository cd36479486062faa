// The official npm client: one GET of a URL that asks for money. Its key comes through standard input.
import { ExactEvmScheme } from "@x402/evm";
import { wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";

const [url, network] = process.argv.slice(2);
let key = "";
for await (const part of process.stdin) key += part;
const client = new ExactEvmScheme(privateKeyToAccount(key.trim()));
const pay = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network, client }] });
const response = await pay(url);
const receipt = response.headers.get("payment-response");
console.log(JSON.stringify({ status: response.status, body: await response.json(), receipt }));
