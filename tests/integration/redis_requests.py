"""What redis_differences.py asks both servers, and where they are meant to differ.

REQUESTS: (request, ignored) in order, on one connection; a request is a list of words or raw bytes. `ignored`:
(pattern, replacement) applied to both answers first.
DEPARTURES: the request's words joined by spaces, and a pattern Torc's whole answer must match.
"""

REQUESTS = []
DEPARTURES = {}

EXACT = ()
# Remaining lifetimes pass while the two servers are asked.
SECONDS = ((rb":(\d+)\r\n", rb":<seconds>\r\n"),)

KEYS = ("missing", "string", "number", "float", "volatile")
BIG = "9223372036854775807"
NUMBERS = ("0", "1", "-1", "5", "-5", "01", "+1", " 1", "1 ", "1.5", "abc", "", BIG, "-9223372036854775808",
           "9223372036854775808", "1e3", "0x10", "inf", "nan", "-0", "3.0e3", "1e400", "1e-400")
INDEXES = ("0", "1", "-1", "-3", "100", "-100", "abc", "")


def ask(*words, ignored=EXACT):
    REQUESTS.append((list(words), ignored))


def ask_line(line):
    """Words separated by spaces."""
    ask(*line.split(" "))


def departs(pattern, *words):
    DEPARTURES[" ".join(words)] = pattern
    ask(*words)


def set_up():
    ask("DEL", *KEYS)
    ask("MSET", "string", "hello", "number", "10", "float", "3.25", "volatile", "v")
    ask("EXPIREAT", "volatile", "4102444800")


def look_at_everything():
    ask("MGET", *KEYS)
    for key in KEYS:
        ask("EXPIRETIME", key)


# ---- arity ----
DATA_COMMANDS = """GET SET SETNX SETEX PSETEX GETSET GETDEL GETEX APPEND STRLEN GETRANGE SETRANGE INCR DECR INCRBY DECRBY
INCRBYFLOAT MGET MSET MSETNX DEL UNLINK EXISTS EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME PERSIST TYPE
DBSIZE""".split()
for command in DATA_COMMANDS + ["PING", "ECHO", "SELECT", "AUTH", "CLIENT", "CONFIG"]:
    for count in range(0, 6):
        words = [command] + [f"w{i}" for i in range(count)]
        if command in ("CLIENT", "CONFIG") and count > 0:
            continue  # their subcommands stand below
        ask(*words)
    ask(command.lower(), *["k"] * 7)
ask("FLUSHALL")

# ---- strings ----
set_up()
SET_OPTIONS = ("", "NX", "XX", "GET", "NX GET", "XX GET", "GET XX", "NX XX", "KEEPTTL", "KEEPTTL EX 10", "EX 10 KEEPTTL", "EX 10",
               "PX 10000", "EX 10 PX 10", "EXAT 4102444800", "PXAT 4102444800000", "EX", "PX", "EXAT", "PXAT", "EX 0", "EX -1",
               "PX 0", "PX -5", "EX abc", "EX 1.5", "EXAT 0", "EXAT -1", "PXAT 0", "EX 9223372036854775807",
               "PX 9223372036854775807", "EXAT 9223372036854775807", "PXAT 9223372036854775807", "EX 9223372036854775",
               "FOO", "NX FOO", "nx get ex 100", "EX 10 EX 20", "NX NX", "XX EX 10 GET", "IFEQ x", "PERSIST", "GET GET", "EX 10 NX",
               "KEEPTTL KEEPTTL", "KEEPTTL GET")
for key in KEYS:
    for options in SET_OPTIONS:
        set_up()
        ask("SET", key, "new", *options.split())
        ask("GET", key)
        ask("TTL", key, ignored=SECONDS)
for options in ("", "EX 100", "PX 100000", "EXAT 4102444800", "PXAT 4102444800000", "PERSIST", "EX 0", "EX -1", "PX abc", "EX",
                "KEEPTTL", "NX", "GET", "EX 10 PERSIST", "PERSIST EX 10", "PERSIST PERSIST", "EXAT 1", "PXAT 1", "FOO",
                "EX 9223372036854775807", "ex 100"):
    for key in ("missing", "string", "volatile"):
        set_up()
        ask("GETEX", key, *options.split())
        ask("GET", key)
        ask("TTL", key, ignored=SECONDS)
for command in ("SETEX", "PSETEX"):
    for lifetime in NUMBERS:
        if lifetime in ("1", "5"):  # may be over before both were asked
            continue
        ask(command, "string", lifetime, "v")
        ask("GET", "string")
        ask("TTL", "string", ignored=SECONDS)
set_up()
for key in KEYS:
    ask("TYPE", key)
    ask("STRLEN", key)
    ask("SETNX", key, "set")
    ask("APPEND", key, "+more")
    ask("GETSET", key, "other")
    ask("TTL", key, ignored=SECONDS)
    ask("GETDEL", key)
    ask("GETDEL", key)
look_at_everything()
set_up()
for start in INDEXES:
    for end in INDEXES:
        ask("GETRANGE", "string", start, end)
    ask("GETRANGE", "missing", start, "-1")
for offset in ("0", "1", "5", "10", "-1", "abc", "", "536870912", BIG, "33554433"):
    for key in ("missing", "string"):
        set_up()
        ask("SETRANGE", key, offset, "XY")
        ask("SETRANGE", key, offset, "")
        ask("GET", key)
        ask("EXISTS", key)

# At the limit of a value and one past it.
for words in (("SETRANGE", "number", "33554430", "XY"), ("SETRANGE", "number", "33554431", "XY"), ("STRLEN", "number"),
              ("APPEND", "number", "x"), ("GETRANGE", "number", "33554429", "-1"), ("DEL", "number")):
    ask(*words)

# ---- counters ----
for number in NUMBERS:
    for command in ("INCRBY", "DECRBY", "INCRBYFLOAT"):
        for key in ("missing", "string", "number", "float", "volatile"):
            set_up()
            ask(command, key, number)
            ask("GET", key)
    ask("SET", "number", number)
    for command in ("INCR", "DECR"):
        ask(command, "number")
        ask("GET", "number")
    ask("SET", "number", number)
    ask("INCRBYFLOAT", "number", "1.1")
for start, step in ((BIG, "1"), ("-9223372036854775808", "-1"), ("1e308", "1e308"), ("0.1", "0.2"), ("1", "1e-20"), ("5.0e3", "2e2"),
                    ("3.0", "1"), ("1e17", "1"), ("10.50", "0.1"), ("-1.5", "1.5"), ("1e-5", "0"), ("123456789012345678", "0.5")):
    for command in ("INCRBY", "DECRBY", "INCRBYFLOAT"):
        ask("SET", "number", start)
        ask(command, "number", step)
        ask("GET", "number")
ask("SETEX", "volatile", "100", "5")
ask("INCR", "volatile")
ask("TTL", "volatile", ignored=SECONDS)
ask("INCRBYFLOAT", "volatile", "0.5")
ask("TTL", "volatile", ignored=SECONDS)
ask("APPEND", "volatile", "x")
ask("TTL", "volatile", ignored=SECONDS)
ask("SETRANGE", "volatile", "0", "x")
ask("TTL", "volatile", ignored=SECONDS)

# ---- many keys ----
set_up()
for line in ("MGET a", "MGET a a number", "MSET a 1 b", "MSET a 1 a 2", "MGET a b", "MSETNX a 9 c 9", "MGET a b c", "MSETNX c 1 d 2",
             "MSETNX e 1 e 2", "GET e", "EXISTS a a c nope", "DEL a a c nope", "UNLINK d e", "DEL nope", "EXISTS nope", "DBSIZE",
             "MSETNX x 1 y"):
    ask_line(line)

# ---- lifetimes ----
for command, past, later in (("EXPIRE", "-5", "1000"), ("PEXPIRE", "-5000", "1000000"), ("EXPIREAT", "1", "4102444800"),
                             ("PEXPIREAT", "1", "4102444800000")):
    for options in ("", "NX", "XX", "GT", "LT", "nx", "NX XX", "GT LT", "NX GT", "XX GT", "XX LT", "FOO", "NX FOO", "NX NX", "GT GT"):
        for key in ("missing", "string", "volatile"):
            for when in (past, later, "0", "abc", BIG, "-9223372036854775808", "9223372036854775", "1.5"):
                set_up()
                ask(command, key, when, *options.split())
                ask("EXISTS", key)
                ask("TTL", key, ignored=SECONDS)
                if command.endswith("AT"):
                    ask("PEXPIRETIME", key)
set_up()
for key in KEYS:
    for command in ("TTL", "PTTL"):
        ask(command, key, ignored=SECONDS)
    for command in ("EXPIRETIME", "PEXPIRETIME", "PERSIST", "PERSIST", "TTL"):
        ask(command, key)

# ---- bytes ----
for value in (b"", b"\0", b"\r\n", b"a\r\nb", bytes(range(256)), b"x" * 16384, "ünïcödé"):
    ask("SET", b"bin\0ary\r\n", value)
    ask("GET", b"bin\0ary\r\n")
    ask("STRLEN", b"bin\0ary\r\n")
    ask("ECHO", value)
    ask("PING", value)
ask("SET", "", "empty")
ask("GET", "")
ask("TYPE", "")

# ---- the whole store ----
for line in ("FLUSHALL", "DBSIZE", "SET a 1", "DBSIZE", "FLUSHALL SYNC", "DBSIZE", "FLUSHALL ASYNC", "FLUSHALL FOO", "FLUSHALL SYNC ASYNC", "SET a 1", "FLUSHDB", "DBSIZE", "FLUSHDB SYNC", "FLUSHDB ASYNC", "FLUSHDB FOO",
             "DBSIZE x", "flushall async"):
    ask_line(line)

# ---- unknown commands and inline commands ----
for line in ("NOSUCH", "NOSUCH a b c", "nosuch " + "x" * 200, "NOSUCH " + "y " * 60 + "z", "GET\r\n x", "FOO\r\nBAR a\nb"):
    ask_line(line)
ask("")
ask("", "a")
for raw in (b"PING\r\n", b"PING\n", b"  PING  \r\n", b"SET a \"b c\"\r\n", b"GET a\r\n", b"\r\nPING\r\n", b"ECHO 'single'\r\n",
            b"ECHO \"\\x41\\n\"\r\n", b"GET\r\n", b"nosuch x y\r\n", b"*0\r\nPING\r\n", b"*-1\r\nPING\r\n", b"ECHO ''\r\n", b"ECHO \"\"\r\n",
            b"\tPING\t\r\n"):
    REQUESTS.append((raw, EXACT))

# ---- connection ----
for line in ("PING", "PING a", "PING a b", "ECHO a", "SELECT 0", "SELECT abc", "SELECT -1", "SELECT 16", "SELECT 99999999999", "SELECT 00",
             "SELECT 1x", "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", "CLIENT SETNAME", "CLIENT SETNAME a b",
             "CLIENT GETNAME x", "CLIENT ID x", "CLIENT NOSUCH", "CLIENT NOSUCH a b", "CLIENT NO-EVICT ON", "CLIENT NO-EVICT OFF",
             "CLIENT NO-EVICT", "CLIENT NO-EVICT MAYBE", "CLIENT REPLY", "CLIENT REPLY FOO", "CLIENT REPLY ON", "CLIENT KILL",
             "CLIENT KILL 1.2.3.4:5", "CLIENT KILL ID 99999999", "CLIENT KILL ID 0", "CLIENT KILL ID abc", "CLIENT KILL FOO bar",
             "CLIENT KILL ADDR 1.2.3.4:5 SKIPME yes", "CLIENT KILL ADDR 1.2.3.4:5 SKIPME maybe", "CLIENT KILL TYPE pubsub",
             "CLIENT KILL TYPE foo", "CLIENT KILL USER nosuch", "CLIENT KILL ID", "CLIENT LIST FOO", "CLIENT LIST TYPE foo", "CLIENT LIST TYPE",
             "CLIENT LIST ID", "CLIENT LIST ID abc", "CLIENT LIST ID 99999", "CLIENT LIST TYPE pubsub", "CLIENT INFO x", "CLIENT LIST TYPE normal x",
             "AUTH default x", "AUTH nosuch x", "AUTH x", "AUTH a b c", "HELLO 1", "HELLO 4", "HELLO abc", "HELLO 2 FOO", "HELLO 2 AUTH",
             "HELLO 2 AUTH default", "HELLO 2 SETNAME", "HELLO 2 SETNAME a b", "HELLO AUTH default x", "CONFIG GET save", "CONFIG GET nosuch",
             "CONFIG GET", "CONFIG NOSUCH", "CONFIG RESETSTAT", "CONFIG RESETSTAT x", "CONFIG SET",
             "CONFIG SET a", "CONFIG SET a b c", "CONFIG SET nosuch 1", "COMMAND COUNT x", "COMMAND NOSUCH", "COMMAND GETKEYS", "COMMAND GETKEYS GET a",
             "COMMAND GETKEYS MSET a 1 b 2", "COMMAND GETKEYS PING", "COMMAND GETKEYS NOSUCH a", "COMMAND GETKEYS GET", "COMMAND GETKEYS MGET a b c",
             "COMMAND INFO nosuch", "COMMAND DOCS nosuch", "COMMAND LIST FILTERBY", "COMMAND LIST x", "INFO nosuch"):
    ask_line(line)
ask("CLIENT", "SETNAME", "a b")
ask("CLIENT", "SETNAME", "a\nb")
ask("CLIENT", "SETNAME", "")
ask("CLIENT", "GETNAME")
for line in ("HELLO 2", "HELLO 3", "HELLO 3 SETNAME me", "HELLO 3 AUTH default any SETNAME other", "HELLO"):
    ask(*line.split(), ignored=((rb"\$2\r\nid\r\n:\d+", rb"id"), (rb"\$7\r\nversion\r\n\$\d+\r\n[\d.]+", rb"version")))
for line in ("CLIENT GETNAME", "RESET", "CLIENT GETNAME", "GET missing", "RESET x"):
    ask_line(line)

departs(rb"-ERR CONFIG SET failed - settings are fixed [^\r\n]*\r\n", "CONFIG", "SET", "save", "")
departs(rb"-ERR DB index is out of range\r\n", "SELECT", "1")
departs(rb"[*%][12]\r\n\$4\r\nsave\r\n\$0\r\n\r\n", "CONFIG", "GET", "SAVE", "nosuch")

# ---- the last one closes the connection ----
ask("QUIT")
REQUESTS.append((b"", EXACT))
