/**
 * The program permission_test.ts watches: opens what each line of stdin asks for and says how that went, holding no
 * permission but what its command line grants.
 */
import {
  Engine,
  type EngineOptions,
  Exchange,
  type ExchangeOptions,
  MarketFile,
  Observer,
  type ObserverOptions,
  Publisher,
  type PublisherOptions,
  Tape,
  Traffic,
  type TrafficOptions,
} from "hotpath";
import { native } from "../lib/native.ts";

/** What to open; whatever it is stays open until the next request. */
export type Request =
  | { engine: EngineOptions }
  | { exchange: Omit<ExchangeOptions, "tape"> }
  | { tape: string }
  | { market: string[] }
  | { traffic: TrafficOptions }
  | { publisher: PublisherOptions }
  | { observer: ObserverOptions }
  | { close: true };

/** How it went: the error, or nothing. */
export interface Answer {
  name?: string;
  message?: string;
}

let opened: Disposable | undefined;

function open(request: Request): Disposable | undefined {
  if ("engine" in request) return Engine.open(request.engine);
  if ("exchange" in request) return Exchange.open({ ...request.exchange, tape });
  if ("traffic" in request) return Traffic.open(request.traffic);
  if ("publisher" in request) return Publisher.open(request.publisher);
  if ("observer" in request) return Observer.open(request.observer);
  if ("market" in request) return MarketFile.open(request.market);
  if ("tape" in request) return Tape.load(request.tape);
  return undefined;
}

function answer(request: Request): Answer {
  opened?.[Symbol.dispose]();
  opened = undefined;
  try {
    opened = open(request);
    return {};
  } catch (error) {
    const { name, message } = error as Error;
    return { name: error instanceof Deno.errors.NotCapable ? "Deno.errors.NotCapable" : name, message };
  }
}

native(); // the library is loaded before anybody counts
const tape = Tape.generate({ records: 10, levels: 10 });
const say = (value: unknown) => Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(value) + "\n"));
say("ready");
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  say(answer(JSON.parse(chunk) as Request)); // one request at a time: one chunk
}
