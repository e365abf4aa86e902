using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using NUnit.Framework.Internal.Builders;

namespace TunFlow.Lwip.Tests.Leaks;

/// <summary>A test that only <see cref="LeakCheckTests"/> runs: it doesn't make its class a fixture that the runner finds.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CulpritAttribute : NUnitAttribute, ISimpleTestBuilder
{
    public TestMethod BuildFrom(IMethodInfo method, Test? suite) => new NUnitTestCaseBuilder().BuildTestMethod(method, suite, null);
}
