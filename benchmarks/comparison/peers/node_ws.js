// node's ws, each frame made once and written to all its sockets.
// Command line: PORT CLIENTS RATE, like every peer.
"use strict";

const { WebSocketServer, Sender } = require("ws");

const SIZE = 200;
const HELD_BYTES = 256 * 1024;
const LOOK_EVERY = 64;
const [port, wanted, rate] = process.argv.slice(2, 5).map(Number);
const sockets = new Set();
const server = new WebSocketServer({ port, host: "127.0.0.1", perMessageDeflate: false, backlog: 1024 });
let offset = 0;
let startedUs = 0;

server.on("connection", (client) => {
  const socket = client._socket;
  sockets.add(socket);
  client.on("close", () => sockets.delete(socket));
  client.on("error", () => {});
  if (sockets.size === wanted) {
    startedUs = Date.now() * 1000;
    setTimeout(publish, 50);
  }
});

function send(atUs) {
  offset += 1;
  const head = `{"type":"message","feed":"bench","offset":${offset},"at":${atUs},"data":"`;
  const line = Buffer.from(head.padEnd(SIZE - 2, "x") + '"}');
  const frame = Buffer.concat(
    Sender.frame(line, { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: true }),
  );
  for (const socket of sockets) socket.write(frame);
}

function isBehind() {
  for (const socket of sockets) if (socket.writableLength > HELD_BYTES) return true;
  return false;
}

function publish() {
  if (rate) {
    const nowUs = Date.now() * 1000;
    for (let at; (at = startedUs + Math.floor((offset * 1e6) / rate)) <= nowUs; ) send(at);
    setTimeout(publish, 1);
    return;
  }
  if (offset % LOOK_EVERY === 0 && isBehind()) return void setTimeout(publish, 1);
  send(Date.now() * 1000);
  setImmediate(publish);
}
