// Taking in files as it is usually written for Node: `node server.js multer FOLDER`, or `tus`.
// Nothing is checked, hashed or synced. Prints its port.
const http = require("http");

const [kind, folder] = process.argv.slice(2);

function multer() {
  const express = require("express");
  const multer = require("multer");
  const app = express();
  app.post("/api/videos", multer({ dest: folder }).single("file"), (request, response) => {
    response.status(201).json({ size: request.file.size, path: request.file.path });
  });
  return http.createServer(app);
}

async function tus() {
  const { Server } = await import("@tus/server");
  const { FileStore } = await import("@tus/file-store");
  const server = new Server({
    path: "/api/uploads",
    datastore: new FileStore({ directory: folder }),
    relativeLocation: true,
  });
  return http.createServer((request, response) => server.handle(request, response));
}

Promise.resolve(kind === "tus" ? tus() : multer()).then((server) => {
  server.requestTimeout = 0;
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
});
