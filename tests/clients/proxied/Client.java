import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Scanner;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.postgresql.PGConnection;

/** What pgJDBC does, by the line: with a host and a port, and nothing else. */
public final class Client {
    private static final ArrayList<Connection> held = new ArrayList<>();
    private static String url;

    public static void main(String[] words) throws Exception {
        url = "jdbc:postgresql://localhost:" + words[0] + "/";
        for (var lines = new Scanner(System.in); lines.hasNextLine(); ) {
            System.out.println(answer(lines.nextLine()));
        }
    }

    private static String answer(String deed) throws Exception {
        switch (deed) {
            case "connect":
                held.add(DriverManager.getConnection(url));
                return one(held.get(held.size() - 1), "select current_user");
            case "prepared":
                return prepared(held.get(0));
            case "copy":
                return copy(held.get(0));
            case "listen":
                return listen(held.get(0));
            case "error":
                return refused(held.get(0), "selekt", 0);
            case "cancel":
                return refused(held.get(0), "select pg_sleep(60)", 3).equals("57014") ? "cancelled" : "slept";
            case "many":
                return many();
            default:
                return "no such deed";
        }
    }

    private static String one(Connection connection, String sql) throws SQLException {
        try (var rows = connection.createStatement().executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static String prepared(Connection connection) throws SQLException {
        int sum = 0;
        try (var statement = connection.prepareStatement("select ? * 2")) {
            for (int number = 0; number < 100; number++) {
                statement.setInt(1, number);
                var rows = statement.executeQuery();
                rows.next();
                sum += rows.getInt(1);
            }
        }
        return Integer.toString(sum);
    }

    private static String copy(Connection connection) throws Exception {
        connection.createStatement().execute("create temp table t (line text)");
        var copying = connection.unwrap(PGConnection.class).getCopyAPI();
        copying.copyIn("copy t from stdin", new StringReader(("x".repeat(999) + "\n").repeat(2000)));
        var out = new StringWriter();
        copying.copyOut("copy t to stdout", out);
        return Integer.toString(out.toString().length());
    }

    private static String listen(Connection connection) throws SQLException {
        connection.createStatement().execute("listen news");
        connection.createStatement().execute("notify news, 'hello'");
        return connection.unwrap(PGConnection.class).getNotifications(30_000)[0].getParameter();
    }

    private static String refused(Connection connection, String sql, int seconds) throws SQLException {
        try (var statement = connection.createStatement()) {
            statement.setQueryTimeout(seconds);
            statement.execute(sql);
            return "none";
        } catch (SQLException error) {
            return error.getSQLState();
        }
    }

    private static String many() throws Exception {
        var threads = Executors.newFixedThreadPool(200);
        var all = new ArrayList<Callable<Connection>>();
        for (int number = 0; number < 200; number++) all.add(() -> DriverManager.getConnection(url));
        var found = threads.invokeAll(all);
        threads.shutdown();
        int sum = 0;
        for (var connection : found) sum += Integer.parseInt(one(connection.get(), "select 1"));
        for (var connection : found) connection.get().close();
        return Integer.toString(sum);
    }
}
