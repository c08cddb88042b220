"""An application of DTM as its users write one: a bank behind DTM's barrier, and transfers by saga, TCC and message.

It knows DTM's client and nothing else. `POST /transfer/KIND` has it make a transfer, everything else is its bank.
Usage: application.py DTM MYSQL, for instance http://127.0.0.1:36789/api/dtmsvr mysql://root@127.0.0.1:3306/bank
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
from dtmcli import barrier, msg, saga, tcc, utils

DTM, MYSQL = sys.argv[1], urlsplit(sys.argv[2])

TABLES = [
    "create database if not exists dtm_barrier",
    """create table if not exists dtm_barrier.barrier (
        id bigint(22) primary key auto_increment, trans_type varchar(45) default '', gid varchar(128) default '',
        branch_id varchar(128) default '', op varchar(45) default '', barrier_id varchar(45) default '',
        reason varchar(45) default '', create_time datetime default now(), update_time datetime default now(),
        unique key(gid, branch_id, op, barrier_id))""",
    """create table if not exists account (
        name varchar(45) primary key, balance bigint not null, frozen bigint not null default 0)""",
    "create table if not exists request (id bigint primary key auto_increment, gid varchar(128), text varchar(200))",
    "insert ignore into account (name, balance) values ('alice', 1000), ('bob', 0)",
]


def connection():
    return pymysql.connect(
        host=MYSQL.hostname, port=MYSQL.port, user=MYSQL.username, password=unquote(MYSQL.password or ""),
        database=MYSQL.path.lstrip("/"))


def cursor():
    return barrier.AutoCursor(connection().cursor())


def move(account, amount, frozen=0):
    """Changes an account; refuses where it would have less than nothing."""
    def change(cur):
        if amount == 0 and frozen == 0:
            return
        done = utils.sqlexec(
            cur, "update account set balance = balance + %d, frozen = frozen + %d where name = '%s' and balance + %d >= 0"
            % (amount, frozen, account, amount))
        if done == 0:
            raise utils.DTMFailureError("poor")
    return change


# What each part of a branch does to an account, in amounts: balance, frozen.
PARTS = {
    "/out": (-1, 0), "/out/revert": (1, 0), "/in": (1, 0), "/in/revert": (-1, 0),
    "/out/try": (-1, 1), "/out/confirm": (0, -1), "/out/cancel": (1, -1),
    "/in/try": (0, 0), "/in/confirm": (1, 0), "/in/cancel": (0, 0),
}


def part(path, branch, body):
    """One part of a branch, behind the barrier."""
    if path.startswith("/in") and body["to"] == "nobody" and path in ("/in", "/in/try"):
        raise utils.DTMFailureError("there is no such account")
    account = body["from"] if path.startswith("/out") else body["to"]
    balance, frozen = PARTS[path]
    with cursor() as cur:
        branch.call(cur, move(account, balance * body["amount"], frozen * body["amount"]))


def transfer(kind, own, body):
    """Makes a transfer; its gid, or what the client says that went wrong."""
    gid = body.get("gid") or utils.gen_gid(DTM)
    if kind == "saga":
        made = saga.Saga(DTM, gid)
        made.trans_base.wait_result = body.get("wait", False)
        made.add(body, own + "/out", own + "/out/revert").add(body, own + "/in", own + "/in/revert").submit()
    elif kind == "tcc":
        def calls(made):
            for side in ["/out", "/in"]:
                made.call_branch(body, own + side + "/try", own + side + "/confirm", own + side + "/cancel")
        done = tcc.tcc_global_transaction(DTM, gid, calls)
        if done == "":
            raise utils.DTMFailureError("rolled back")
    elif kind == "message":
        made = msg.Msg(DTM, gid).add(body, own + "/in")
        made.trans_base.timeout_to_fail = 1

        def local(cur):
            move(body["from"], -body["amount"])(cur)
            if body.get("lost_before_commit"):
                raise utils.DTMFailureError("given up")
        with cursor() as cur:
            if body.get("lost_after_commit"):
                # As if the process had ended there: nobody submits.
                made.prepare(own + "/query-prepared")
                barrier.BranchBarrier("msg", gid, "00", "msg").call(cur, local)
            elif body.get("lost_before_work"):
                made.prepare(own + "/query-prepared")
            else:
                made.do_and_submit_db(own + "/query-prepared", cur, local)
    return gid


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.serve({})

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        self.serve(json.loads(self.rfile.read(length) or "{}"))

    def serve(self, body):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            status, answer = 200, self.answer(url.path, query, body)
        except utils.DTMFailureError as error:
            status, answer = 409, {"dtm_result": "FAILURE", "reason": str(error)}
        except Exception as error:
            status, answer = 500, {"error": repr(error)}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def answer(self, path, query, body):
        own = "http://" + self.headers["host"]
        if path.startswith("/transfer/"):
            return {"gid": transfer(path.rsplit("/", 1)[1], own, body)}
        if path == "/accounts":
            with cursor() as cur:
                cur.execute("select name, balance, frozen from account order by name")
                return {name: [balance, frozen] for name, balance, frozen in cur.fetchall()}
        if path == "/requests":
            with cursor() as cur:
                cur.execute("select text from request where gid = %s order by id", [query["gid"]])
                return [text for (text,) in cur.fetchall()]
        branch = barrier.BranchBarrier(query["trans_type"], query["gid"], query["branch_id"], query["op"])
        with cursor() as cur:
            cur.execute("insert into request (gid, text) values (%s, %s)",
                        [branch.gid, "%s %s %s" % (branch.branch_id, branch.op, path)])
            cur.connection.commit()
        if path == "/query-prepared":
            with cursor() as cur:
                branch.query_prepared(cur)
        else:
            part(path, branch, body)
        return {"dtm_result": "SUCCESS"}

    def log_message(self, *_):
        pass


def main():
    opening = pymysql.connect(
        host=MYSQL.hostname, port=MYSQL.port, user=MYSQL.username, password=unquote(MYSQL.password or ""),
        database=MYSQL.path.lstrip("/"), autocommit=True)
    with opening.cursor() as cur:
        for statement in TABLES:
            cur.execute(statement)
    opening.close()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(json.dumps({"http": "127.0.0.1:%d" % server.server_port}), flush=True)
    # What the client prints for its developers is no output of this program.
    sys.stdout = sys.stderr
    server.serve_forever()


main()
