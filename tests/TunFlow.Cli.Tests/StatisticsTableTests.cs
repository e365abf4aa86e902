using TunFlow.Cli.Output;
using TunFlow.Lwip;

namespace TunFlow.Cli.Tests;

[TestFixture]
public sealed class StatisticsTableTests
{
    [Test]
    public void Table_shows_flows_bytes_and_drops()
    {
        long[] drops = new long[PacketDropCounters.ReasonCount];
        drops[(int)PacketDropReason.Checksum] = 2;
        drops[(int)PacketDropReason.Echo] = 1;
        TunnelStatistics statistics = new()
        {
            Uptime = TimeSpan.FromSeconds(1234.56),
            Stack = new LwipStatistics
            {
                FlowsOpened = 14,
                FlowsRefused = 1,
                Flows = 3,
                FlowsTimeWait = 2,
                StreamBytesDown = 104_857_600,
                StreamBytesUp = 82,
                DatagramsUp = 4,
                DatagramsDown = 3,
                Drops = new PacketDropCounters(drops),
            },
        };

        string table = StatisticsTable.Format(statistics);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(table, Does.Contain("tunnel        1,234.6 s\n"));
            Assert.That(table, Does.Contain("TCP flows     14 opened, 1 refused, 0 reset, 1 left\n"));
            Assert.That(table, Does.Contain("TCP bytes     82 up, 104,857,600 down\n"));
            Assert.That(table, Does.Contain("UDP datagrams 4 up, 3 down, 0 failed\n"));
            Assert.That(table, Does.Contain("dropped       3 (Checksum 2, Echo 1)\n"));
            Assert.That(table, Does.Not.Contain("bugs"));
        }
    }

    [Test]
    public void Bugs_are_shown_when_there_are_some()
    {
        PacketDropCounters none = new(new long[PacketDropCounters.ReasonCount]);
        TunnelStatistics statistics = new() { Stack = new LwipStatistics { UnexpectedExceptions = 1, Drops = none } };

        Assert.That(StatisticsTable.Format(statistics), Does.Contain("bugs          1 unexpected exceptions, 0 assertions: please report\n"));
    }
}
