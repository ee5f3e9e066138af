/** A second parser of Tardis incremental_book_L2 files, to hold the native one against: split, RegExp, BigInt. @module */
import { FLAG, type TapeInfo } from "hotpath";

const EXACT = 2n ** 53n;
const INT32_MAX = 2n ** 31n - 1n;
const UNIT = 1_000_000n;

/** A decimal text x 1e6; undefined when it is none, null when it is finer than that. */
function millionths(text: string): bigint | null | undefined {
  const [, sign, whole = "", fraction = ""] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole + fraction === "") return undefined;
  if (/[1-9]/.test(fraction.slice(6))) return null;
  return BigInt(`${sign}${BigInt(whole + fraction.slice(0, 6).padEnd(6, "0"))}`);
}

/** The first bad line as the library keeps it: bytes that a terminal could choke on as question marks, cut. */
function kept(line: string): string {
  return [...new TextEncoder().encode(line).subarray(0, 95)]
    .map((byte) => byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : "?").join("");
}

interface Row {
  instrument: string;
  flags: number;
  time: number;
  price: bigint | null;
  amount: bigint | null;
}

function parseRow(line: string): Row | undefined {
  const [exchange, symbol, , time = "", snapshot = "", side = "", price = "", amount = ""] = line.split(",");
  if (!/^\d{1,16}$/.test(time) || Number(time) > 9e15) return undefined;
  if (!/^(true|false)$/.test(snapshot) || !/^(bid|ask)$/.test(side)) return undefined;
  const [scaledPrice, scaledAmount] = [millionths(price), millionths(amount)];
  if (scaledPrice === undefined || scaledAmount === undefined) return undefined;
  const flags = (side === "bid" ? FLAG.BID : 0) | (snapshot === "true" ? FLAG.SNAPSHOT : 0);
  return {
    instrument: `${exchange} ${symbol}`,
    flags,
    time: Number(time),
    price: scaledPrice,
    amount: scaledAmount,
  };
}

/**
 * What a file with the usual header holds.
 *
 * @param text All of it.
 * @param pack Records a datagram at most.
 * @param qtyScale The quantity scale the library chose.
 */
export function readCsv(text: string, pack: number, qtyScale: number): { info: TapeInfo; triples: number[] } {
  const info: TapeInfo = {
    records: 0,
    snapshotRecords: 0,
    datagrams: 0,
    messages: 0,
    priceScale: 1e6,
    qtyScale,
    badLines: 0,
    offScale: 0,
    firstBad: { line: 0, text: "" },
    symbol: "",
  };
  const triples: number[] = [];
  let before: Row | undefined;
  let room = 0;
  const bad = (counter: "badLines" | "offScale", line: string, index: number) => {
    info[counter]++;
    if (info.firstBad.line === 0) info.firstBad = { line: index + 1, text: kept(line) };
  };
  text.split("\n").forEach((raw, index) => {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (index === 0 || line === "") return;
    const row = parseRow(line);
    if (!row || (before && row.instrument !== before.instrument)) return bad("badLines", line, index);
    const { price, amount, flags, time } = row;
    const step = UNIT / BigInt(qtyScale);
    if (price === null || price <= 0n || price > EXACT) return bad("offScale", line, index);
    if (amount === null || amount < 0n || amount / step > INT32_MAX) return bad("offScale", line, index);
    const message = time !== before?.time;
    const edge = before !== undefined && ((before.flags ^ flags) & FLAG.SNAPSHOT) !== 0;
    if (message || edge || room === 0) {
      info.datagrams++;
      room = pack;
    }
    room--;
    info.messages += message ? 1 : 0;
    info.records++;
    info.snapshotRecords += flags & FLAG.SNAPSHOT ? 1 : 0;
    info.symbol ||= kept(row.instrument).slice(0, 39);
    triples.push(Number(price), Number(amount / step), flags);
    before = row;
  });
  if (triples.length) triples[triples.length - 1]! |= FLAG.LAST;
  return { info, triples };
}
