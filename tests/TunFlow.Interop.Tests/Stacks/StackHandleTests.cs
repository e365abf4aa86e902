using System.Runtime.CompilerServices;
using TunFlow.Interop.Tests.Support;

namespace TunFlow.Interop.Tests.Stacks;

/// <summary>The handle's life, against a fixture library that can be told to be busy.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class StackHandleTests
{
    private TemporaryDirectory _directory = null!;
    private string _library = null!;

    [OneTimeSetUp]
    public void BuildLibrary()
    {
        _directory = new TemporaryDirectory();
        _library = FixtureLibrary.Build(_directory);
    }

    [OneTimeTearDown]
    public void RemoveLibrary() => _directory.Dispose();

    [TestCase(nameof(DisposesExactlyOnce))]
    [TestCase(nameof(RefusesBeyondTheLimit))]
    [TestCase(nameof(FinalizesAndCounts))]
    [TestCase(nameof(SurvivesABusyFinalizer))]
    [TestCase(nameof(ReportsABusyDispose))]
    [TestCase(nameof(RemembersWhereALostHandleWasMade))]
    public void Scenario(string name)
    {
        // Every scenario gets a copy of the library too: the system loader would hand out the same one for the same path.
        using var directory = new TemporaryDirectory();
        var copy = directory["libtunflow_lwip.so"];
        File.Copy(_library, copy);

        FixtureLibrary.Run(copy, typeof(StackHandleTests), name);
    }

    private static void DisposesExactlyOnce()
    {
        var first = Create();
        var second = Create();
        Assert.That((first.Index, second.Index), Is.EqualTo((0u, 1u)));
        Assert.That(StackHandleStatistics.Alive, Is.EqualTo(2));

        first.Dispose();
        first.Dispose();
        Assert.That(first.IsClosed);
        var third = Create();
        Assert.That(third.Index, Is.Zero, "the slot was freed");
        first.Dispose();
        Assert.That(Create().Index, Is.EqualTo(2), "a late dispose must not destroy the slot's new owner");

        third.Dispose();
        second.Dispose();
        Assert.That(StackHandleStatistics.Leaked, Is.Zero);
        GC.KeepAlive(third);
    }

    private static void RefusesBeyondTheLimit()
    {
        var handles = new[] { Create(), Create(), Create() };

        var status = StackHandle.TryCreate(default, 0, out var none);

        Assert.That(status, Is.EqualTo(TfStatus.ELimit));
        Assert.That(none, Is.Null);
        foreach (var handle in handles)
            handle.Dispose();
        CollectFinalizers();
        Assert.That((StackHandleStatistics.Alive, StackHandleStatistics.Finalized, StackHandleStatistics.Leaked), Is.EqualTo((0L, 0L, 0L)));
    }

    private static void FinalizesAndCounts()
    {
        Lose();
        CollectFinalizers();

        Assert.That((StackHandleStatistics.Alive, StackHandleStatistics.Finalized, StackHandleStatistics.Leaked), Is.EqualTo((0L, 1L, 0L)));
        using var next = Create();
        Assert.That(next.Index, Is.Zero, "the finalizer destroyed the stack");
        Assert.That(StackHandleStatistics.FinalizedCreations, Is.Empty, "tracking is off by default");
    }

    private static void SurvivesABusyFinalizer()
    {
        Lose();
        Busy(true);
        CollectFinalizers();
        Busy(false);

        Assert.That((StackHandleStatistics.Alive, StackHandleStatistics.Finalized, StackHandleStatistics.Leaked), Is.EqualTo((1L, 1L, 1L)));
        using var next = Create();
        Assert.That(next.Index, Is.EqualTo(1), "a leaked slot stays taken");
    }

    private static void ReportsABusyDispose()
    {
        var handle = Create();
        Busy(true);
        Assert.That(handle.Dispose, Throws.Nothing);
        Busy(false);

        Assert.That((StackHandleStatistics.Finalized, StackHandleStatistics.Leaked), Is.EqualTo((0L, 1L)));
    }

    private static void RemembersWhereALostHandleWasMade()
    {
        AppContext.SetSwitch(StackHandleStatistics.TrackingSwitch, true);
        try
        {
            Lose();
            CollectFinalizers();
        }
        finally
        {
            AppContext.SetSwitch(StackHandleStatistics.TrackingSwitch, false);
        }

        Assert.That(StackHandleStatistics.FinalizedCreations.Single(), Does.Contain(nameof(Lose)));
    }

    private static StackHandle Create()
    {
        Assert.That(StackHandle.TryCreate(default, 0, out var handle), Is.EqualTo(TfStatus.Ok));
        return handle!;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lose() => Create();

    private static void Busy(bool busy) => Assert.That(NativeMethods.tf_stack_set_mtu(0, busy ? 1u : 0u), Is.Zero);

    private static void CollectFinalizers()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
