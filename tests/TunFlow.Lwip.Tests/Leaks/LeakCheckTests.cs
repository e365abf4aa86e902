using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using NUnit.Framework.Internal.Builders;
using NUnit.Framework.Internal.Execution;
using TunFlow.Lwip.Tests.Fakes;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>The check that every test of this assembly passes, against tests that leak.</summary>
[TestFixture]
internal sealed class LeakCheckTests
{
    [SetUp]
    public void RequireLibrary() => NativeLibraryRequirement.Check();

    [TearDown]
    public Task AtoneAsync() => Culprits.AtoneAsync();

    [TestCase(nameof(Culprits.Keeps_a_device), "1 native stacks whose device")]
    [TestCase(nameof(Culprits.Loses_a_device), "1 handles to the finalizer")]
    [TestCase(nameof(Culprits.Keeps_a_block), "native bytes")]
    [TestCase(nameof(Culprits.Keeps_a_socket), "1 open descriptors")]
    [TestCase(nameof(Culprits.Keeps_a_thread), "1 threads")]
    public void A_test_that_leaks_fails_by_name(string culprit, string leak)
    {
        ITestResult result = Run(culprit);

        Assert.That(result.ResultState.Status, Is.EqualTo(TestStatus.Failed));
        Assert.That(result.Message, Does.Contain($"{nameof(Culprits)}.{culprit} leaks").And.Contain(leak));
    }

    [Test]
    public void A_handle_that_was_lost_is_traced_to_where_it_was_made() =>
        Assert.That(Run(nameof(Culprits.Loses_a_device)).Message, Does.Contain($"{nameof(Culprits)}.Lose"));

    [Test]
    public void A_test_that_gives_everything_back_passes()
    {
        ITestResult result = Run(nameof(Culprits.Gives_everything_back));

        Assert.That((result.ResultState.Status, result.Message), Is.EqualTo((TestStatus.Passed, "")));
    }

    /// <summary>As the runner would, with the check in its place.</summary>
    private static ITestResult Run(string culprit)
    {
        TestSuite fixture = new DefaultSuiteBuilder().BuildFrom(new TypeWrapper(typeof(Culprits)));
        ITest test = fixture.Tests.Single(test => test.Name == culprit);
        ITestResult? result = null;
        // A thread of its own, because the context of a test belongs to its thread.
        Thread runner = new(() =>
        {
            using WorkItem work = WorkItemBuilder.CreateWorkItem(fixture, new IdFilter(test.Id), recursive: true)!;
            work.InitializeContext(new TestExecutionContext { Dispatcher = new MainThreadWorkItemDispatcher() });
            work.Execute();
            result = work.Result.Children.Single();
        });
        runner.Start();
        Assert.That(runner.Join(TimeSpan.FromSeconds(30)), Is.True, "the culprit's run ended");
        return result!;
    }

    private sealed class IdFilter(string id) : ITestFilter
    {
        public bool Pass(ITest test, bool negated) => test.IsSuite || test.Id == id;

        public bool Pass(ITest test) => Pass(test, negated: false);

        public bool IsExplicitMatch(ITest test) => test.Id == id;

        public TNode ToXml(bool recursive) => throw new NotSupportedException();

        public TNode AddToXml(TNode parentNode, bool recursive) => throw new NotSupportedException();
    }
}
