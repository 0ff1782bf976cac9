const WebSocket = require("ws");
const fs = require("fs");
const [url, file] = process.argv.slice(2);
let blocks = 0;

function connect() {
  let count = 0, start = 0;
  const ws = new WebSocket(url);
  ws.on("message", (data) => {
    if (count === 0) start = Date.now();
    count++;
    fs.appendFileSync(file, data.toString() + "\n");
    if (count === 4) {
      count = 0;
      blocks++;
      const seconds = (Date.now() - start) / 1000;
      const sentence = `Client${"node"} received ${blocks} block in ${seconds} time`;
      ws.send(sentence, (err) => { if (!err) fs.appendFileSync(file, `said ${seconds} ${sentence}\n`); });
    }
  });
  ws.on("error", (err) => console.log(err.message));
  ws.on("close", (code, reason) => { console.log(code, reason.toString()); setTimeout(connect, 1000); });
}
connect();
