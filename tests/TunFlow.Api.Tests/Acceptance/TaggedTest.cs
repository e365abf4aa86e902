namespace TunFlow.Api.Tests.Acceptance;

/// <summary>A test, or a class of tests, that says in its source what it shows.</summary>
/// <param name="Kind">A weakness or a row.</param>
/// <param name="Number">Which one.</param>
/// <param name="File">Its file, from the root of the repository, with slashes.</param>
/// <param name="Container">Its class; in C, the file's name.</param>
/// <param name="Name">Its name; null for a whole class.</param>
/// <param name="RunsAlways">False for one that runs only when somebody asks for it: it shows nothing by itself.</param>
internal sealed record TaggedTest(PromiseKind Kind, int Number, string File, string Container, string? Name, bool RunsAlways);
