// Logging in as it is usually written for Node: Express, bcrypt with cost 10, a signed token; no
// database, no delays, no refresh token. Prints its port.
const bcrypt = require("bcrypt");
const express = require("express");
const jwt = require("jsonwebtoken");

const hashed = bcrypt.hashSync("Correct7Horse", 10);
const app = express();
app.use(express.json());
app.post("/api/auth/login", async (request, response) => {
  if (!(await bcrypt.compare(request.body.password, hashed))) return response.sendStatus(401);
  response.json({ access_token: jwt.sign({ sub: request.body.username }, "a secret of the bench") });
});
app.get("/api/auth/me", (request, response) => {
  const claims = jwt.verify(request.headers.authorization.slice(7), "a secret of the bench");
  response.json({ id: claims.sub });
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
