/**
 * A client of the publisher, from the protocols' tables alone, to be run in a namespace: joins the groups of both lines,
 * takes a snapshot, collects the packets of both until each has ended, asks for what neither brought, and prints what it
 * has as JSON.
 *
 *   mold_client.ts ADDRESS GROUP:PORT GROUP:PORT SERVER:PORT (requests) SERVER:PORT (snapshots)
 */
import { createHash } from "node:crypto";
import dgram from "node:dgram";
import type { Buffer } from "node:buffer";

/** What it says at the end. */
export interface Collected {
  /** Datagrams of each line in order of arrival: number of the first message, messages. */
  lines: [number, number][][];
  /** Heartbeats of each line. */
  heartbeats: number[];
  /** Datagrams the kernel dropped at each line's socket: this program was too slow for them. */
  dropped: number[];
  /** Messages that no line brought. */
  missing: number;
  /** Requests it took to get them. */
  requests: number;
  /** SHA-256 over all messages, lengths included, in order. */
  digest: string;
  /** The snapshot's orders, and the number it ends with. */
  snapshot: { orders: number; next: number };
}

const HEADER = 20, END = 0xffff;
const split = (text: string) => [text.split(":")[0]!, Number(text.split(":")[1])] as const;

const messages = new Map<number, Uint8Array>();
let last = 0;

/** Keeps a packet's messages; its first number and count. */
function keep(packet: Buffer): [number, number] {
  const seq = Number(packet.readBigUInt64BE(10)), count = packet.readUInt16BE(18);
  if (count === END || count === 0) return [seq, count];
  for (let i = 0, at = HEADER; i < count; i++) {
    const length = packet.readUInt16BE(at) + 2;
    messages.set(seq + i, new Uint8Array(packet.subarray(at, at + length)));
    at += length;
  }
  return [seq, count];
}

async function collect(address: string, line: string, result: Collected, i: number): Promise<void> {
  const [group, port] = split(line);
  const socket = dgram.createSocket({ type: "udp4", reuseAddr: true, recvBufferSize: 8 << 20 });
  result.lines[i] = [];
  result.heartbeats[i] = 0;
  await new Promise<void>((resolve) => {
    socket.on("message", (packet) => {
      const [seq, count] = keep(packet);
      if (count === 0) result.heartbeats[i]!++;
      else if (count !== END) result.lines[i]!.push([seq, count]);
      else {
        last = seq - 1;
        resolve();
      }
    });
    socket.bind(port, group, () => {
      socket.addMembership(group, address);
      console.log(`joined ${group}`);
    });
  });
  result.dropped[i] = dropsOf(group);
  socket.close();
}

/** What the kernel had no room for at the socket bound to this address. */
function dropsOf(address: string): number {
  const hex = address.split(".").reverse().map((part) => Number(part).toString(16).padStart(2, "0")).join("");
  const rows = Deno.readTextFileSync("/proc/thread-self/net/udp").trim().split("\n").slice(1);
  const row = rows.map((line) => line.trim().split(/\s+/)).find(([, local]) =>
    local!.startsWith(`${hex.toUpperCase()}:`)
  );
  return Number(row!.at(-1));
}

/** Asks for what is missing, hole by hole, each again after a while. */
async function fill(server: string, session: string, result: Collected): Promise<void> {
  const [host, port] = split(server);
  const socket = dgram.createSocket("udp4");
  for (let seq = 1; seq <= last; seq++) if (!messages.has(seq)) result.missing++;
  for (let seq = 1; seq <= last; seq++) {
    while (!messages.has(seq)) {
      let count = 1;
      while (seq + count <= last && !messages.has(seq + count)) count++;
      const request = new Uint8Array(HEADER);
      request.set(new TextEncoder().encode(session));
      new DataView(request.buffer).setBigUint64(10, BigInt(seq));
      new DataView(request.buffer).setUint16(18, Math.min(count, 65535));
      result.requests++;
      const answered = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        socket.once("message", (packet) => {
          keep(packet);
          clearTimeout(timer);
          resolve();
        });
      });
      socket.send(request, port, host);
      await answered;
    }
  }
  socket.close();
}

async function takeSnapshot(server: string): Promise<Collected["snapshot"]> {
  const [hostname, port] = split(server);
  using connection = await Deno.connect({ hostname, port });
  const login = `L${" ".repeat(26)}${"1".padStart(20)}`;
  await connection.write(new Uint8Array([0, login.length, ...new TextEncoder().encode(login)]));
  let held = new Uint8Array(), orders = 0;
  for await (const chunk of connection.readable) {
    const bytes = new Uint8Array(held.length + chunk.length);
    bytes.set(held);
    bytes.set(chunk, held.length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (
      ;
      at + 2 <= bytes.length && at + 2 + view.getUint16(at) <= bytes.length;
      at += 2 + view.getUint16(at)
    ) {
      const text = new TextDecoder("latin1").decode(bytes.subarray(at + 2, at + 2 + view.getUint16(at)));
      if (/^S[AF]/.test(text)) orders++;
      if (text.startsWith("SG")) return { orders, next: Number(text.slice(2)) };
    }
    held = bytes.subarray(at);
  }
  throw new Error("Cannot take the snapshot: the server closed");
}

if (import.meta.main) {
  const [address, a, b, requests, snapshots] = Deno.args as [string, string, string, string, string];
  const result: Collected = {
    lines: [],
    heartbeats: [],
    dropped: [],
    missing: 0,
    requests: 0,
    digest: "",
    snapshot: { orders: 0, next: 0 },
  };
  const ended = Promise.all([a, b].map((line, i) => collect(address, line, result, i)));
  result.snapshot = await takeSnapshot(snapshots);
  console.log("ready");
  await ended;
  await fill(requests, "HOTPATH001", result);
  const hash = createHash("sha256");
  for (let seq = 1; seq <= last; seq++) hash.update(messages.get(seq)!);
  result.digest = hash.digest("hex");
  console.log(`collected ${JSON.stringify(result)}`);
  Deno.exit();
}
