using TunFlow.BindingGenerator;
using TunFlow.BindingGenerator.CppSharpParser;

return GeneratorCommand.Run(args, options => new CppSharpHeaderParser(options), Console.Out, Console.Error);
