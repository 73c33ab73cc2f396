// What node-postgres does, by the line: with a host and a port, and nothing else. It has no COPY of its own.
import { createInterface } from "node:readline";
import pg from "pg";

const where = { host: "localhost", port: Number(process.argv[2]) };
const held = [];
const one = async (client, query) => Object.values((await client.query(query)).rows[0])[0];

async function open() {
    const client = new pg.Client(where);
    await client.connect();
    return client;
}

const deeds = {
    async connect() {
        held.push(await open());
        return one(held.at(-1), "select current_user");
    },
    async prepared() {
        let sum = 0;
        for (let number = 0; number < 100; number++) {
            sum += await one(held[0], { name: "double", text: "select $1::int * 2", values: [number] });
        }
        return sum;
    },
    async listen() {
        const heard = new Promise((resolve) => held[0].once("notification", (said) => resolve(said.payload)));
        await held[0].query("listen news");
        await held[0].query("notify news, 'hello'");
        return heard;
    },
    async error() {
        return held[0].query("selekt").then(() => "none", (refused) => refused.code);
    },
    async cancel() {
        const pid = await one(held[0], "select pg_backend_pid()");
        const query = new pg.Query("select pg_sleep(60)");
        const ended = new Promise((resolve) => query.once("error", (refused) => resolve(refused.code)));
        held[0].query(query);
        const other = await open();
        const sleeping = `select count(*)::int from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`;
        while ((await one(other, sleeping)) === 0);
        await other.end();
        new pg.Client(where).cancel(held[0], query);
        return (await ended) === "57014" ? "cancelled" : "slept";
    },
    async many() {
        const clients = await Promise.all(Array.from({ length: 200 }, open));
        const found = await Promise.all(clients.map((client) => one(client, "select 1")));
        await Promise.all(clients.map((client) => client.end()));
        return found.reduce((sum, number) => sum + number, 0);
    },
};

for await (const line of createInterface({ input: process.stdin })) console.log(String(await deeds[line]()));
process.exit();
