using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Parsing;

/// <summary>Turns a C header into the model, or says what in it has no binding.</summary>
internal interface IHeaderParser
{
    /// <exception cref="HeaderException">The header does not compile or declares something that can not be bound.</exception>
    HeaderModel Parse(string headerPath);
}
