// Uploads a file with tus-js-client, and breaks its own connection where it is told to.
//
//   node client.js ENDPOINT TOKEN FILE CHUNK_BYTES CUT_AT...
//
// Prints, as JSON: the upload's URL, the headers of the last answer, and each request's method.
const fs = require("fs");
const http = require("http");
const tus = require("tus-js-client");

const [endpoint, token, path, chunk, ...cuts] = process.argv.slice(2);
const sockets = new Set();
const requests = [];
const agent = new http.Agent({ keepAlive: true });
const connect = agent.createConnection.bind(agent);
agent.createConnection = (...given) => {
  const socket = connect(...given);
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  return socket;
};

const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  httpStack: new tus.DefaultHttpStack({ agent }),
  chunkSize: Number(chunk) || Infinity,
  retryDelays: [0, 200, 500, 1000, 2000],
  metadata: { filename: "courtyard.mp4", filetype: "video/mp4", title: "마당 축제" },
  onBeforeRequest: (request) => void requests.push(request.getMethod()),
  onProgress: (sent) => {
    if (cuts.length && sent >= Number(cuts[0])) {
      cuts.shift();
      for (const socket of sockets) socket.destroy();
    }
  },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: ({ lastResponse }) => {
    const video = lastResponse.getHeader("Content-Location");
    console.log(JSON.stringify({ url: upload.url, video, requests, cutsLeft: cuts.length }));
    process.exit(0);
  },
});
upload.start();
