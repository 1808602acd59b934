// SPDX-License-Identifier: Apache-2.0
//
// A database tool's tunnel: JSch with a plain key, a local forward, JDBC through it. It cannot send certificates.
//   Tunnel PORT USER KEY KNOWN_HOSTS TARGET DB_USER DB [SOURCE] : prints "row VALUE" per row of a query; "tunnel: WHY" or "jdbc: WHY"
import com.jcraft.jsch.*;
import java.io.*;
import java.net.*;
import java.sql.*;

public class Tunnel {
    // Binds the client's end, as a tool on a host with several addresses would.
    static class From implements SocketFactory {
        final String address;
        From(String address) { this.address = address; }
        public Socket createSocket(String host, int port) throws IOException {
            return new Socket(host, port, InetAddress.getByName(address), 0);
        }
        public InputStream getInputStream(Socket s) throws IOException { return s.getInputStream(); }
        public OutputStream getOutputStream(Socket s) throws IOException { return s.getOutputStream(); }
    }

    public static void main(String[] a) throws Exception {
        JSch jsch = new JSch();
        jsch.addIdentity(a[2]);
        jsch.setKnownHosts(a[3]);
        Session s = jsch.getSession(a[1], "127.0.0.1", Integer.parseInt(a[0]));
        s.setConfig("PreferredAuthentications", "publickey");
        if (a.length > 7)
            s.setSocketFactory(new From(a[7]));
        int port;
        try {
            s.connect(10000);
            port = s.setPortForwardingL("127.0.0.1", 0, a[4], 5432);
        } catch (JSchException e) {
            System.out.println("tunnel: " + e.getMessage());
            System.exit(1);
            return;
        }
        String url = "jdbc:postgresql://127.0.0.1:" + port + "/" + a[6] + "?sslmode=disable";
        try (Connection c = DriverManager.getConnection(url, a[5], "");
             PreparedStatement p = c.prepareStatement("select 40 + ?::int as n")) {
            p.setInt(1, 2);
            for (ResultSet r = p.executeQuery(); r.next();)
                System.out.println("row " + r.getInt(1));
        } catch (SQLException e) {
            System.out.println("jdbc: " + e.getMessage());
        }
        s.disconnect();
        System.exit(0);
    }
}
