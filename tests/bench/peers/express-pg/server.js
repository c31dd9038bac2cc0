// One's own account as it is usually read in Node: Express and pg, the same query, prepared, on a
// pool of as many connections. It believes the token, which it does not verify. Prints its port.
//
//     node server.js SOCKET_FOLDER PASSWORD POOL
const express = require("express");
const { Pool, types } = require("pg");

types.setTypeParser(1184, (text) => text); // moments stay texts, as they are sent
const [host, password, max] = process.argv.slice(2);
const pool = new Pool({
  host, password, user: "auth", database: "madang", max: Number(max), options: "-c search_path=auth",
});
const ME =
  "SELECT id, email, handle, roles, created_at, email_verified_at, guest, display_name, bio, avatar," +
  " language, time_zone, suspended_at, deletion_due_at FROM users WHERE id = $1";

const app = express();
app.set("etag", false);
app.get("/api/auth/me", async (request, response) => {
  const token = request.headers.authorization.slice("Bearer ".length);
  const { sub } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  const { rows } = await pool.query({ name: "me", text: ME, values: [sub] });
  if (rows.length === 0) return response.sendStatus(401);
  const { handle, email_verified_at, avatar, suspended_at, bio, ...account } = rows[0];
  response.json({
    ...account,
    user_handle: handle,
    email_verified: email_verified_at !== null,
    avatar_url: avatar && `/api/avatars/${avatar}`,
  });
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
