// Runs in node 22 or later, and in any browser; in node 20 after: npm install ws
const { WebSocket } = globalThis.WebSocket ? globalThis : await import("ws").catch(() => {
  console.error("this node has no WebSocket: use node 22, or run: npm install ws");
  process.exit(1);
});
const url = globalThis.process?.argv[2] ?? "ws://127.0.0.1:8000/";
const server = new WebSocket(url);

server.onopen = () => server.send("Hey Server!");
server.onmessage = (event) => {
  const { offset, data } = JSON.parse(event.data);
  console.log(offset, data);
};
server.onclose = (event) => console.log("closed", event.code, event.reason);
