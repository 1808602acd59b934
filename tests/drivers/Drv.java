// pgjdbc: simple and extended protocol, server-side prepare, binary results, batches, transactions, errors, cancel.
import java.sql.*;

public class Drv {
    static void check(boolean ok, String what) {
        if (!ok) {
            System.out.println("not ok - pgjdbc: " + what);
            System.exit(1);
        }
    }

    public static void main(String[] a) throws Exception {
        String url = "jdbc:postgresql://" + a[0] + ":" + a[1] + "/" + a[3] + "?prepareThreshold=2&sslmode=disable&gssEncMode=disable";
        Connection c = DriverManager.getConnection(url, a[2], "any");
        PreparedStatement p = c.prepareStatement("select id, quantity, total, created from orders where id = ?");
        for (int i = 1; i <= 8; i++) {
            p.setInt(1, i);
            ResultSet r = p.executeQuery();
            check(r.next() && r.getInt(1) == i && r.getTimestamp(4) != null, "prepared " + i);
        }
        ResultSet r = c.createStatement().executeQuery("select email from customers where id = 1");
        check(r.next() && r.getString(1).contains("***"), "e-mail is masked: " + r.getString(1));
        r = c.getMetaData().getTables(null, "public", "%", new String[] {"TABLE"});
        int n = 0;
        while (r.next()) n++;
        check(n >= 4, "getTables sees " + n);
        r = c.getMetaData().getColumns(null, "public", "orders", "%");
        check(r.next() && r.getString("COLUMN_NAME").equals("id"), "getColumns");
        c.setAutoCommit(false);
        PreparedStatement ins = c.prepareStatement("insert into notes (body) values (?)");
        for (int i = 0; i < 3; i++) {
            ins.setString(1, "jdbc");
            ins.addBatch();
        }
        check(ins.executeBatch().length == 3, "batch");
        c.commit();
        try {
            ins.setString(1, "gone3");
            ins.executeUpdate();
            c.createStatement().execute("copy notes to program 'true'");
            check(false, "no refusal");
        } catch (SQLException e) {
            check("42501".equals(e.getSQLState()) && e.getMessage().contains("refused"), "refusal: " + e.getMessage());
        }
        c.rollback();
        Statement s = c.createStatement();
        s.setFetchSize(50);
        r = s.executeQuery("select id from orders order by id");
        n = 0;
        while (r.next()) n++;
        check(n == 2000 || n > 1000, "fetch size: " + n);
        c.commit();
        c.setAutoCommit(true);
        r = c.createStatement().executeQuery("select count(*) from notes where body = 'gone3'");
        check(r.next() && r.getInt(1) == 0, "the refusal left rows behind");
        try {
            c.createStatement().executeQuery("select 1/0");
            check(false, "no error");
        } catch (SQLException e) {
            check("22012".equals(e.getSQLState()), "error " + e.getSQLState());
        }
        Statement slow = c.createStatement();
        new Thread(() -> {
            try {
                Thread.sleep(500);
                slow.cancel();
            } catch (Exception e) {
                System.out.println("# " + e);
            }
        }).start();
        long t0 = System.currentTimeMillis();
        try {
            slow.executeQuery("select pg_sleep(20)");
            check(false, "not cancelled");
        } catch (SQLException e) {
            check("57014".equals(e.getSQLState()), "cancel " + e.getSQLState());
        }
        check(System.currentTimeMillis() - t0 < 5000, "cancel took long");
        c.close();
        System.out.println("ok - pgjdbc " + org.postgresql.Driver.getVersion());
    }
}
