// Runs in node 22 or later, and in any browser.
const url = globalThis.process?.argv[2] ?? "ws://127.0.0.1:8000/";
const server = new WebSocket(url);

server.onopen = () => server.send("Hey Server!");
server.onmessage = (event) => {
  const { type, offset, data } = JSON.parse(event.data);
  if (type === "message") console.log(offset, data);
};
server.onclose = (event) => console.log("closed", event.code);
