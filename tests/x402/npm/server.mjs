// An express server whose routes the official npm middleware protects. Its facts come as JSON in the first argument;
// it tells its port in the first line, and ends with its standard input.
import express from "express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";

const facts = JSON.parse(process.argv[2]);
const served = { weather: 0, jobs: 0 };

const accepts = (amount) => ({
  scheme: "exact",
  network: facts.network,
  payTo: facts.payTo,
  price: { amount, asset: facts.asset, extra: { name: "USDC", version: "2" } },
  maxTimeoutSeconds: 60,
});

const app = express();
const facilitator = new HTTPFacilitatorClient({ url: facts.facilitator });
const server = new x402ResourceServer(facilitator).register(facts.network, new ExactEvmScheme());
const routes = { "GET /weather": { accepts: accepts("10000") }, "POST /jobs": { accepts: accepts("50000") } };
app.use(paymentMiddleware(routes, server));
app.get("/weather", (_, response) => {
  served.weather += 1;
  response.json({ weather: "sunny" });
});
app.post("/jobs", express.json(), (request, response) => {
  served.jobs += 1;
  response.json({ done: request.body });
});
app.get("/served", (_, response) => response.json(served));

const listener = app.listen(0, "127.0.0.1", () => console.log(listener.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
