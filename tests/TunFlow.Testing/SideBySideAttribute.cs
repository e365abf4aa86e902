using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace TunFlow.Testing;

/// <summary>A fixture that may run while others of its kind do. The test command gives them a process of their own, without the tests that run one at a time.</summary>
/// <remarks>
/// In one process, the end of NUnit's parallel shift may find all queues empty and the run not over; its worker then spins for as long as the other
/// tests run, takes a processor from them and allocates a gigabyte a second beside those that measure (ParallelWorkItemDispatcher.OnEndOfShift; nunit/nunit#2761).
/// </remarks>
[AttributeUsage(AttributeTargets.Class)]
public sealed class SideBySideAttribute : NUnitAttribute, IApplyToTest
{
    /// <inheritdoc/>
    public void ApplyToTest(Test test)
    {
        ArgumentNullException.ThrowIfNull(test);
        test.Properties.Set(PropertyNames.ParallelScope, ParallelScope.Self);
        test.Properties.Add(PropertyNames.Category, "SideBySide");
    }
}
