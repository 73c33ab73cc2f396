// What pgx does, by the line: with a host and a port, and nothing else.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	ctx  = context.Background()
	url  = "postgres://localhost:" + os.Args[1] + "/"
	held []*pgx.Conn
)

func main() {
	deeds := map[string]func() string{
		"connect": connect, "prepared": prepared, "copy": copied, "listen": listen, "error": refused, "cancel": cancel, "many": many,
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(deeds[lines.Text()]())
	}
}

func open() *pgx.Conn {
	connection, err := pgx.Connect(ctx, url)
	check(err)
	return connection
}

func connect() (user string) {
	held = append(held, open())
	check(held[len(held)-1].QueryRow(ctx, "select current_user").Scan(&user))
	return user
}

func prepared() string {
	sum := 0
	for number := range 100 {
		var twice int
		check(held[0].QueryRow(ctx, "select $1::int * 2", number).Scan(&twice))
		sum += twice
	}
	return strconv.Itoa(sum)
}

func copied() string {
	_, err := held[0].Exec(ctx, "create temp table t (line text)")
	check(err)
	lines := strings.NewReader(strings.Repeat(strings.Repeat("x", 999)+"\n", 2000))
	_, err = held[0].PgConn().CopyFrom(ctx, lines, "copy t from stdin")
	check(err)
	var out strings.Builder
	_, err = held[0].PgConn().CopyTo(ctx, &out, "copy t to stdout")
	check(err)
	return strconv.Itoa(out.Len())
}

func listen() string {
	for _, sql := range []string{"listen news", "notify news, 'hello'"} {
		_, err := held[0].Exec(ctx, sql)
		check(err)
	}
	heard, err := held[0].WaitForNotification(ctx)
	check(err)
	return heard.Payload
}

func refused() string {
	_, err := held[0].Exec(ctx, "selekt")
	return code(err)
}

func cancel() string {
	var pid int
	check(held[0].QueryRow(ctx, "select pg_backend_pid()").Scan(&pid))
	go func() {
		other := open()
		const sleeping = "select count(*) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'"
		for count := 0; count == 0; {
			check(other.QueryRow(ctx, sleeping, pid).Scan(&count))
		}
		check(other.Close(ctx))
		check(held[0].PgConn().CancelRequest(ctx))
	}()
	_, err := held[0].Exec(ctx, "select pg_sleep(60)")
	if code(err) == "57014" {
		return "cancelled"
	}
	return "slept"
}

func code(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return "none"
}

func many() string {
	var all sync.WaitGroup
	found := make([]int, 200)
	opened := make([]*pgx.Conn, 200)
	for number := range found {
		all.Go(func() {
			opened[number] = open()
			check(opened[number].QueryRow(ctx, "select 1").Scan(&found[number]))
		})
	}
	all.Wait()
	sum := 0
	for number, one := range found {
		sum += one
		check(opened[number].Close(ctx))
	}
	return strconv.Itoa(sum)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
